/*
 * The C library between text and floating point: printf, strtof, strtod and strtold where they hurt, in every rounding
 * mode, with the exception flags they leave.
 *
 *   formats print|scan float|double|long
 */
#include "common.h"
#include <errno.h>
#include <fenv.h>
#include <stdlib.h>

static const int modes[] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };
static const char *const formats[] = {
    "%.17e", "%e", "%.0e", "%.40e", "%a", "%.0a", "%.3A", "%g", "%.25g", "%#.5G", "%+.3g", "% g", "%040.10g", "%-30.8e|", "%.1f", "%f", "%.0f", "%#.0f", "%'.2f",
};
static const char *const long_formats[] = {
    "%.20Le", "%Le", "%.0Le", "%.60Le", "%La", "%.0La", "%.5LA", "%Lg", "%.30Lg", "%#.5LG", "%+.3Lg", "% Lg", "%050.10Lg", "%-30.8Le|", "%.2Lf",
};
static const uint64_t edges[] = {
    0, 1, 2, 0xfffffffffffffull, 0x10000000000000ull, 0x10000000000001ull, 0x7fefffffffffffffull, 0x7ff0000000000000ull, 0x7ff8000000000000ull,
    0x3ff0000000000000ull, 0x3fefffffffffffffull, 0x3ff0000000000001ull, 0x4340000000000000ull, 0x433fffffffffffffull, 0x44b52d02c7e14af6ull, 0x3fb999999999999aull,
    0x4023ffffffffffffull, 0x4024000000000000ull, 0x40c3880000000000ull, 0x3fe0000000000000ull, 0x3ff8000000000000ull, 0x4004000000000000ull, 0x412e848000000000ull,
};

/* A double of any size, edges among them. */
static double some_double(int i)
{
    uint64_t sign = any64() & 1ull << 63;
    if (i < (int)(sizeof edges / sizeof edges[0])) return double_of(edges[i]);
    switch (below(6)) {
    case 0: return double_of(sign | (any64() & 0xfffffffffffffull)); /* denormal */
    case 1: return double_of(sign | ((uint64_t)(1023 + below(60)) << 52) | (any64() & 0xfffffffffffffull));
    case 2: return (double)(any64() >> below(64)) / (double)(1 + below(1000));
    case 3: return double_of(sign | (any64() & 0x7fe0000000000000ull)); /* a power of two */
    default: return double_of(sign | (any64() % 0x7ff0000000000000ull));
    }
}

static long double some_long_double(int i)
{
    uint16_t sign = any32() & 0x8000;
    switch (below(6)) {
    case 0: return some_double(i);
    case 1: return long_double_of(sign, any64()); /* denormal */
    case 2: return long_double_of(sign | (16383 + below(70)), any64());
    case 3: return long_double_of(sign | below(32767), 0);
    case 4: return long_double_of(sign | 0x7ffe, ~0ull << below(64));
    default: return long_double_of(sign | below(32767), any64());
    }
}

static void show_flags(void)
{
    printf(" flags %x\n", fetestexcept(FE_ALL_EXCEPT));
}

static void print_all(const char *kind)
{
    static char text[8192];
    int is_long = *kind == 'l', is_float = *kind == 'f';
    int number = is_long ? sizeof long_formats / sizeof *long_formats : sizeof formats / sizeof *formats;
    for (int i = 0; i < 60; i++) {
        long double x = is_long ? some_long_double(i) : some_double(i);
        if (is_float) x = i < 8 ? float_of(i * 0x1fffff) : float_of(any32() % 0x7f800000);
        for (int f = 0; f < number; f++) {
            for (int m = 0; m < 4; m++) {
                fesetround(modes[m]);
                feclearexcept(FE_ALL_EXCEPT);
                if (is_long) snprintf(text, sizeof text, long_formats[f], x);
                else snprintf(text, sizeof text, formats[f], (double)x);
                int flags = fetestexcept(FE_ALL_EXCEPT);
                fesetround(FE_TONEAREST);
                printf("%d %d %s flags %x\n", i, m, text, flags);
            }
        }
    }
}

/* Decimal text that lies on, or next to, the middle between two numbers, among other things. */
static void make_text(char *text, size_t size, int i, int is_long)
{
    static const char *const special[] = {
        "0", "-0", "inf", "-Infinity", "nan", "nan(123)", "1e400", "-1e400", "1e-400", "4.9e-324", "2.4703282292062327e-324", "2.4703282292062328e-324",
        "2.2250738585072011e-308", "2.2250738585072012e-308", "1.7976931348623157e308", "1.7976931348623158e308", "1.7976931348623159e308", "1e5000", "1e-5000",
        "3.6451995318824746025e-4951", "1.8225997659412373013e-4951", "1.18973149535723176502e+4932", "1.18973149535723176509e+4932", "0x1p-1074", "0x1p-1075", "0x1.8p-1075",
        "0x1.fffffffffffff8p1023", "0x1.fffffffffffff7p1023", "0x1p-16445", "0x1p-16446", "0x.0000000000000000000000000001p100", "1.17549435e-38", "1.4e-45", "7e-46",
        "3.40282346638528859812e38", "3.4028235677973366e38", "9007199254740993", "9007199254740992.99999999999999999999999", "9007199254740993.00000000000000000000001",
        "123456789012345678901234567890", ".5", "5.", "1e", "1e+", "0x", "0x.p1", "1_000", "  12", "1.5e1x", "1e99999999999999999999", "-1e-99999999999999999999",
        "0.1", "0.3", "2.5", "1000000000000000128.000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
    };
    if (i < (int)(sizeof special / sizeof *special)) { strcpy(text, special[i]); return; }
    switch (below(5)) {
    case 0: snprintf(text, size, "%llu.%llue%d", (unsigned long long)any64() >> below(64), (unsigned long long)any64(), (int)below(700) - 350); break;
    case 1: snprintf(text, size, "%.*e", (int)below(25), some_double(100)); break;
    case 2: { /* exactly half way to the next double */
        double d = some_double(100), up = double_of(({ uint64_t b; memcpy(&b, &d, 8); b + 1; }));
        snprintf(text, size, "%.800Lg", ((long double)d + (long double)up) / 2);
        break;
    }
    case 3: snprintf(text, size, "0x%llx.%llxp%d", (unsigned long long)any64() >> below(64), (unsigned long long)any64(), (int)below(is_long ? 33000 : 2300) - (is_long ? 16500 : 1150)); break;
    default: snprintf(text, size, "%.*Le", (int)below(40), some_long_double(100)); break;
    }
}

static void scan_all(const char *kind)
{
    static char text[16384];
    for (int i = 0; i < 500; i++) {
        make_text(text, sizeof text, i, *kind == 'l');
        printf("%.60s\n", text);
        for (int m = 0; m < 4; m++) {
            char *end;
            fesetround(modes[m]);
            feclearexcept(FE_ALL_EXCEPT);
            errno = 0;
            if (*kind == 'f') { float f = strtof(text, &end); fesetround(FE_TONEAREST); show_float(f); }
            else if (*kind == 'd') { double d = strtod(text, &end); fesetround(FE_TONEAREST); show_double(d); }
            else { long double x = strtold(text, &end); fesetround(FE_TONEAREST); show_long_double(x); }
            printf(" %d end %d errno %d", m, (int)(end - text), errno);
            show_flags();
        }
    }
}

int main(int count, char **words)
{
    if (count != 3) return 2;
    if (*words[1] == 'p') print_all(words[2]);
    else scan_all(words[2]);
    return 0;
}
