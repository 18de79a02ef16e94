/*
 * What all programs here share: numbers that look random and are not, and the bits of a floating-point number.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint64_t seed = 0x9e3779b97f4a7c15u;

/* xorshift64* */
static inline uint64_t any64(void)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * 0x2545f4914f6cdd1du;
}

static inline uint32_t any32(void) { return any64() >> 32; }

static inline uint32_t below(uint32_t n) { return any32() % n; }

static inline float float_of(uint32_t bits) { float f; memcpy(&f, &bits, 4); return f; }
static inline double double_of(uint64_t bits) { double d; memcpy(&d, &bits, 8); return d; }

/* Only numbers the format knows: the integer bit is set unless the exponent is zero. */
static inline long double long_double_of(uint16_t top, uint64_t mantissa)
{
    long double x = 0;
    if (top & 0x7fff) mantissa |= 1ull << 63;
    else mantissa &= ~(1ull << 63);
    memcpy(&x, &mantissa, 8);
    memcpy((char *)&x + 8, &top, 2);
    return x;
}

/* All bits, NaNs and signs of zeros included. */
static inline void show_float(float f) { uint32_t bits; memcpy(&bits, &f, 4); printf(" %08x", bits); }
static inline void show_double(double d) { uint64_t bits; memcpy(&bits, &d, 8); printf(" %016llx", (unsigned long long)bits); }
static inline void show_long_double(long double x)
{
    uint64_t mantissa;
    uint16_t top;
    memcpy(&mantissa, &x, 8);
    memcpy(&top, (char *)&x + 8, 2);
    printf(" %04x.%016llx", top, (unsigned long long)mantissa);
}
