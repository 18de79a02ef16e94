/*
 * Integers: hashes, sorts, 64-bit arithmetic, bit counts, saturation, strings. Loops a compiler likes to turn into
 * vector instructions.
 */
#include "common.h"
#include <stdlib.h>

enum { count = 3000 };

static uint32_t words[count], others[count], sums[count];
static int16_t shorts[count], shorts2[count];
static uint8_t bytes[count * 4], bytes2[count * 4];
static int64_t longs[count];

static uint32_t fold(const void *at, size_t length)
{
    const uint8_t *p = at;
    uint32_t hash = 2166136261u;
    while (length--) hash = (hash ^ *p++) * 16777619u;
    return hash;
}

static void elementwise(void)
{
    for (int i = 0; i < count; i++) sums[i] = words[i] + others[i];
    printf("add %08x\n", fold(sums, sizeof sums));
    for (int i = 0; i < count; i++) sums[i] = words[i] * others[i] - (words[i] >> 3);
    printf("mul %08x\n", fold(sums, sizeof sums));
    for (int i = 0; i < count; i++) sums[i] = (words[i] << 7 | words[i] >> 25) ^ ~others[i];
    printf("rot %08x\n", fold(sums, sizeof sums));
    for (int i = 0; i < count; i++) sums[i] = (int32_t)words[i] > (int32_t)others[i] ? words[i] : others[i];
    printf("max %08x\n", fold(sums, sizeof sums));
    for (int i = 0; i < count; i++) sums[i] = words[i] < others[i] ? words[i] - others[i] : words[i] / (others[i] | 1);
    printf("div %08x\n", fold(sums, sizeof sums));
    for (int i = 0; i < count; i++) longs[i] = (int64_t)(int32_t)words[i] * (int32_t)others[i] + (words[i] & 63);
    printf("wide %08x\n", fold(longs, sizeof longs));
    for (int i = 0; i < count; i++) longs[i] = (longs[i] >> (words[i] & 63)) / ((int32_t)others[i] | 1) + longs[i] % 1000003;
    printf("long %08x\n", fold(longs, sizeof longs));
    for (int i = 0; i < count; i++) shorts[i] = shorts[i] * shorts2[i] >> 15;
    printf("short %08x\n", fold(shorts, sizeof shorts));
    for (int i = 0; i < count; i++) { int t = shorts[i] * 3 + shorts2[i]; shorts2[i] = t > 32767 ? 32767 : t < -32768 ? -32768 : t; }
    printf("clamp %08x\n", fold(shorts2, sizeof shorts2));
    for (int i = 0; i < count * 4; i++) bytes2[i] = (bytes[i] + bytes2[i] + 1) >> 1;
    printf("average %08x\n", fold(bytes2, sizeof bytes2));
    for (int i = 0; i < count * 4; i++) bytes2[i] = bytes[i] > bytes2[i] ? bytes[i] - bytes2[i] : bytes2[i] - bytes[i];
    printf("distance %08x\n", fold(bytes2, sizeof bytes2));
    uint32_t total = 0, ones = 0, sad = 0;
    int32_t dot = 0;
    for (int i = 0; i < count; i++) {
        total += words[i];
        ones += __builtin_popcount(words[i]) + __builtin_clz(words[i] | 1) + __builtin_ctz(others[i] | 1u << 31);
        dot += shorts[i] * shorts2[i];
    }
    for (int i = 0; i < count * 4; i++) sad += bytes[i] > bytes2[i] ? bytes[i] - bytes2[i] : bytes2[i] - bytes[i];
    printf("sums %08x %u %d %u\n", total, ones, dot, sad);
    static float floats[count];
    static double doubles[count];
    for (int i = 0; i < count; i++) floats[i] = (int32_t)words[i];
    for (int i = 0; i < count; i++) doubles[i] = (double)floats[i] * 0.5 + (int32_t)others[i];
    for (int i = 0; i < count; i++) sums[i] = (int32_t)(doubles[i] / 3);
    printf("convert %08x %08x %08x\n", fold(floats, sizeof floats), fold(doubles, sizeof doubles), fold(sums, sizeof sums));
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void sort(void)
{
    memcpy(sums, words, sizeof sums);
    qsort(sums, count, sizeof *sums, compare);
    printf("quick %08x\n", fold(sums, sizeof sums));
    memcpy(sums, others, sizeof sums);
    for (int gap = count / 2; gap; gap /= 2)
        for (int i = gap; i < count; i++)
            for (int j = i; j >= gap && sums[j - gap] > sums[j]; j -= gap) { uint32_t t = sums[j]; sums[j] = sums[j - gap]; sums[j - gap] = t; }
    printf("shell %08x\n", fold(sums, sizeof sums));
    static uint32_t buckets[256];
    for (int i = 0; i < count * 4; i++) buckets[bytes[i]]++;
    printf("buckets %08x\n", fold(buckets, sizeof buckets));
}

static void hashes(void)
{
    uint32_t a = 1, b = 0, crc = ~0u, h[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
    for (int i = 0; i < count * 4; i++) {
        a = (a + bytes[i]) % 65521;
        b = (b + a) % 65521;
        crc ^= bytes[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (0xedb88320 & -(crc & 1));
    }
    for (int i = 0; i < count; i++) {
        uint32_t t = h[0] + (h[1] & h[2] | ~h[1] & h[3]) + words[i];
        h[0] = h[3]; h[3] = h[2]; h[2] = h[1]; h[1] += t << 11 | t >> 21;
    }
    uint64_t x = 0x123456789abcdefull;
    for (int i = 0; i < count; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; x += (x >> 32) * words[i] + x / (others[i] | 1); }
    printf("adler %08x crc %08x md %08x%08x%08x%08x xor %016llx\n", b << 16 | a, ~crc, h[0], h[1], h[2], h[3], (unsigned long long)x);
}

static void strings(void)
{
    static char text[4096], copy[4096];
    for (int i = 0; i < 4000; i++) text[i] = 'a' + below(26);
    uint32_t found = 0;
    for (int i = 0; i < 200; i++) {
        int from = below(3000), length = below(900), to = below(3000);
        memmove(text + to, text + from, length);
        memcpy(copy, text, 4000);
        copy[from + length] = 0;
        found += strlen(copy + below(40)) * 3 + (strchr(text + from, 'q') ? strchr(text + from, 'q') - text : 7);
        found ^= memcmp(text + from, copy + to, 20) > 0 ? i : -i;
        found += strcmp(copy + from, text + to) > 0;
        found += strrchr(copy + from, 'e') ? strrchr(copy + from, 'e') - copy : 1;
        found += strspn(text + from, "abcdefgh") + strcspn(text + to, "xyz") + (strstr(text, "ab") ? strstr(text, "ab") - text : 0);
        memset(text + below(3900), 'a' + below(26), below(90));
    }
    printf("strings %08x %08x\n", found, fold(text, sizeof text));
}

int main(void)
{
    for (int i = 0; i < count; i++) { words[i] = any32() >> below(16); others[i] = any32(); shorts[i] = any32(); shorts2[i] = any32(); }
    for (int i = 0; i < count * 4; i++) { bytes[i] = any32(); bytes2[i] = any32(); }
    elementwise();
    sort();
    hashes();
    strings();
    return 0;
}
