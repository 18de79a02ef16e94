/*
 * Between integers and floating point, and between the formats, in all rounding modes, with the exceptions; and the
 * arithmetic of two more types that libgcc and libquadmath make of integers.
 */
#include "common.h"
#include <fenv.h>
#include <math.h>

static const int modes[] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };

#define TRY(type, show, expression) \
    do { \
        feclearexcept(FE_ALL_EXCEPT); \
        volatile type result = (expression); \
        int flags = fetestexcept(FE_ALL_EXCEPT); \
        fesetround(FE_TONEAREST); \
        show; \
        printf("/%x", flags); \
        fesetround(modes[mode]); \
    } while (0)

static void convert(int mode)
{
    volatile float f = float_of(any32());
    volatile double d = double_of(any64());
    volatile long double l = long_double_of(below(4) ? (any32() & 0x8000) | (16383 - 20 + below(90)) : any32(), any64());
    if (below(3)) { f = (int32_t)any32() / 65536.0f; d = (int64_t)any64() / 4294967296.0; }
    volatile int32_t i = any32();
    volatile uint32_t u = any32();
    volatile int64_t q = any64() >> below(60);
    volatile uint64_t w = any64();
    fesetround(modes[mode]);
    TRY(int32_t, printf(" %d", result), (int32_t)f);
    TRY(int32_t, printf(" %d", result), (int32_t)d);
    TRY(int32_t, printf(" %d", result), (int32_t)l);
    TRY(int64_t, printf(" %lld", (long long)result), (int64_t)f);
    TRY(int64_t, printf(" %lld", (long long)result), (int64_t)d);
    TRY(int64_t, printf(" %lld", (long long)result), (int64_t)l);
    TRY(int16_t, printf(" %d", result), (int16_t)l);
    TRY(uint32_t, printf(" %u", result), (uint32_t)fabs(d < 4e9 ? d : 1));
    TRY(uint64_t, printf(" %llu", (unsigned long long)result), (uint64_t)fabsl(l < 1e19L ? l : 1));
    TRY(float, show_float(result), (float)d);
    TRY(float, show_float(result), (float)l);
    TRY(float, show_float(result), (float)i);
    TRY(float, show_float(result), (float)u);
    TRY(float, show_float(result), (float)q);
    TRY(float, show_float(result), (float)w);
    TRY(double, show_double(result), (double)f);
    TRY(double, show_double(result), (double)l);
    TRY(double, show_double(result), (double)i);
    TRY(double, show_double(result), (double)u);
    TRY(double, show_double(result), (double)q);
    TRY(double, show_double(result), (double)w);
    TRY(long double, show_long_double(result), (long double)f);
    TRY(long double, show_long_double(result), (long double)d);
    TRY(long double, show_long_double(result), (long double)q);
    TRY(long double, show_long_double(result), (long double)w);
    fesetround(FE_TONEAREST);
    puts("");
}

/* One of each: is the answer the same, are the flags? */
static void arithmetic(int mode)
{
    volatile float f = float_of(any32()), g = below(2) ? f * (1 + below(5)) : float_of(any32());
    volatile double d = double_of(any64()), e = below(2) ? d / (1 + below(5)) : double_of(any64());
    volatile long double l = long_double_of(any32(), any64()), m = below(2) ? l * (1 + below(5)) : long_double_of(any32(), any64());
    fesetround(modes[mode]);
    TRY(float, show_float(result), f + g);
    TRY(float, show_float(result), f - g);
    TRY(float, show_float(result), f * g);
    TRY(float, show_float(result), f / g);
    TRY(float, show_float(result), sqrtf(f));
    TRY(double, show_double(result), d + e);
    TRY(double, show_double(result), d - e);
    TRY(double, show_double(result), d * e);
    TRY(double, show_double(result), d / e);
    TRY(double, show_double(result), sqrt(e));
    TRY(long double, show_long_double(result), l + m);
    TRY(long double, show_long_double(result), l - m);
    TRY(long double, show_long_double(result), l * m);
    TRY(long double, show_long_double(result), l / m);
    TRY(long double, show_long_double(result), sqrtl(l));
    TRY(int, printf(" %x", result), (f < g) | (f <= g) << 1 | (f == g) << 2 | (d > e) << 3 | (d != e) << 4 | (l >= m) << 5 | isless(f, g) << 6 | islessgreater(d, e) << 7 | isunordered(l, m) << 8);
    TRY(int, printf(" %x", result), fpclassify(f) | fpclassify(d) << 4 | fpclassify(l) << 8 | !!signbit(f) << 12 | !!signbit(d) << 13 | !!signbit(l) << 14);
    fesetround(FE_TONEAREST);
    puts("");
}

/* 128-bit binary and 64-bit decimal numbers, all by integer instructions. */
static void made_of_integers(void)
{
    __float128 sum = 0, term = 1;
    for (int i = 1; i < 40; i++) { sum += term; term /= i; }
    uint64_t parts[2];
    memcpy(parts, &sum, sizeof parts);
    printf("e %016llx%016llx %.17g\n", (unsigned long long)parts[1], (unsigned long long)parts[0], (double)sum);
    _Decimal64 money = 1.07dd, all = 1;
    for (int i = 0; i < 50; i++) all *= money;
    memcpy(parts, &all, 8);
    printf("interest %016llx %d\n", (unsigned long long)parts[0], (int)(all * 1000));
}

int main(void)
{
    for (int i = 0; i < 600; i++) convert(i & 3);
    for (int i = 0; i < 600; i++) arithmetic(i & 3);
    made_of_integers();
    return 0;
}
