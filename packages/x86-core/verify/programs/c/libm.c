/*
 * Functions of the mathematical library over arguments of all sizes: the bits of every result, and the exceptions.
 *
 *   libm float|double|long FUNCTION [COUNT]      one line per argument
 *   libm list                                    the functions' names
 */
#define _GNU_SOURCE
#include "common.h"
#include <fenv.h>
#include <math.h>
#include <stdlib.h>

typedef float (*f1)(float);
typedef double (*d1)(double);
typedef long double (*l1)(long double);
typedef float (*f2)(float, float);
typedef double (*d2)(double, double);
typedef long double (*l2)(long double, long double);

struct function {
    const char *name;
    f1 f; d1 d; l1 l;
    f2 ff; d2 dd; l2 ll;
};

#define ONE(name) { #name, name##f, name, name##l, 0, 0, 0 }
#define TWO(name) { #name, 0, 0, 0, name##f, name, name##l }

/* Functions with results of another kind, made to look like the rest. */
static float frexp_f(float x) { int e; float m = frexpf(x, &e); return m + e; }
static double frexp_(double x) { int e; double m = frexp(x, &e); return m + e; }
static long double frexp_l(long double x) { int e; long double m = frexpl(x, &e); return m + e; }
static float modf_f(float x) { float w; float p = modff(x, &w); return p + 3 * w; }
static double modf_(double x) { double w; double p = modf(x, &w); return p + 3 * w; }
static long double modf_l(long double x) { long double w; long double p = modfl(x, &w); return p + 3 * w; }
static float lrint_f(float x) { return lrintf(x); }
static double lrint_(double x) { return lrint(x); }
static long double lrint_l(long double x) { return lrintl(x); }
static float llrint_f(float x) { return llrintf(x); }
static double llrint_(double x) { return llrint(x); }
static long double llrint_l(long double x) { return llrintl(x); }
static float lround_f(float x) { return llroundf(x); }
static double lround_(double x) { return llround(x); }
static long double lround_l(long double x) { return llroundl(x); }
static float ilogb_f(float x) { return ilogbf(x); }
static double ilogb_(double x) { return ilogb(x); }
static long double ilogb_l(long double x) { return ilogbl(x); }
static float fma_f(float x, float y) { return fmaf(x, y, y - x); }
static double fma_(double x, double y) { return fma(x, y, y - x); }
static long double fma_l(long double x, long double y) { return fmal(x, y, y - x); }
static float remquo_f(float x, float y) { int q; float r = remquof(x, y, &q); return r + (q & 7); }
static double remquo_(double x, double y) { int q; double r = remquo(x, y, &q); return r + (q & 7); }
static long double remquo_l(long double x, long double y) { int q; long double r = remquol(x, y, &q); return r + (q & 7); }
static float scalb_f(float x, float y) { return scalbnf(x, (int)fmodf(y, 300)); }
static double scalb_(double x, double y) { return scalbn(x, (int)fmod(y, 3000)); }
static long double scalb_l(long double x, long double y) { return scalbnl(x, (int)fmodl(y, 40000)); }

static const struct function functions[] = {
    ONE(sin), ONE(cos), ONE(tan), ONE(asin), ONE(acos), ONE(atan), ONE(sinh), ONE(cosh), ONE(tanh), ONE(asinh), ONE(acosh), ONE(atanh),
    ONE(exp), ONE(exp2), ONE(exp10), ONE(expm1), ONE(log), ONE(log2), ONE(log10), ONE(log1p), ONE(sqrt), ONE(cbrt), ONE(erf), ONE(erfc),
    ONE(lgamma), ONE(tgamma), ONE(j0), ONE(j1), ONE(y0), ONE(y1), ONE(ceil), ONE(floor), ONE(trunc), ONE(round), ONE(roundeven), ONE(rint), ONE(nearbyint),
    ONE(logb), ONE(significand),
    { "frexp", frexp_f, frexp_, frexp_l, 0, 0, 0 }, { "modf", modf_f, modf_, modf_l, 0, 0, 0 }, { "lrint", lrint_f, lrint_, lrint_l, 0, 0, 0 },
    { "llrint", llrint_f, llrint_, llrint_l, 0, 0, 0 }, { "lround", lround_f, lround_, lround_l, 0, 0, 0 }, { "ilogb", ilogb_f, ilogb_, ilogb_l, 0, 0, 0 },
    TWO(pow), TWO(atan2), TWO(hypot), TWO(fmod), TWO(remainder), TWO(nextafter), TWO(fdim), TWO(fmax), TWO(fmin), TWO(copysign),
    { "fma", 0, 0, 0, fma_f, fma_, fma_l }, { "remquo", 0, 0, 0, remquo_f, remquo_, remquo_l }, { "scalbn", 0, 0, 0, scalb_f, scalb_, scalb_l },
};

static const int modes[] = { FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO };

/* Mostly numbers a function has something to say about; now and then anything at all. */
static long double argument(int i, int limit)
{
    static const long double edges[] = {
        0.0L, -0.0L, 1.0L, -1.0L, 0.5L, -0.5L, 2.0L, 3.0L, -3.0L, 10.0L, 0x1p-30L, 1.5L, 2.5L, -2.5L, 0x1p24L, 0x1p31L, 0x1p52L, 0x1p53L, 0x1p63L, -0x1p63L, 0x1p64L,
        3.14159265358979323846L, 1.57079632679489661923L, 0.785398163397448309616L, 88.7L, 89.0L, 709.7L, 710.0L, -745.1L, -746.0L, 11356.5L, 1e-5L, 1e22L,
        __builtin_infl(), -__builtin_infl(), __builtin_nanl(""), 0x1p-126L, 0x1p-149L, 0x1p-1022L, 0x1p-1074L, 0x1p127L, 0x1p1023L,
    };
    int sign = any32() & 0x8000;
    if (i < (int)(sizeof edges / sizeof *edges)) return edges[i];
    if (below(8) == 0) return long_double_of(sign | (16383 - limit + below(2 * limit)), any64());
    return long_double_of(sign | (16383 - 12 + below(20)), any64());
}

int main(int count, char **words)
{
    if (count == 2) {
        for (unsigned i = 0; i < sizeof functions / sizeof *functions; i++) puts(functions[i].name);
        return 0;
    }
    if (count < 3) return 2;
    int number = count > 3 ? atoi(words[3]) : 400;
    const struct function *f = functions;
    while (f < functions + sizeof functions / sizeof *functions && strcmp(f->name, words[2])) f++;
    if (f == functions + sizeof functions / sizeof *functions) return 2;
    for (int i = 0; i < number; i++) {
        int mode = below(8) ? 0 : below(4);
        switch (*words[1]) {
        case 'f': {
            volatile float x = argument(i, 150), y = argument(i * 7 % 45 + below(20), 150), z;
            fesetround(modes[mode]);
            feclearexcept(FE_ALL_EXCEPT);
            z = f->f ? f->f(x) : f->ff(x, y);
            int flags = fetestexcept(FE_ALL_EXCEPT);
            fesetround(FE_TONEAREST);
            show_float(z); printf(" %x  ", flags); show_float(x); show_float(y);
            break;
        }
        case 'd': {
            volatile double x = argument(i, 1070), y = argument(i * 7 % 45 + below(20), 1070), z;
            fesetround(modes[mode]);
            feclearexcept(FE_ALL_EXCEPT);
            z = f->d ? f->d(x) : f->dd(x, y);
            int flags = fetestexcept(FE_ALL_EXCEPT);
            fesetround(FE_TONEAREST);
            show_double(z); printf(" %x  ", flags); show_double(x); show_double(y);
            break;
        }
        default: {
            volatile long double x = argument(i, 16300), y = argument(i * 7 % 45 + below(20), 16300), z;
            fesetround(modes[mode]);
            feclearexcept(FE_ALL_EXCEPT);
            z = f->l ? f->l(x) : f->ll(x, y);
            int flags = fetestexcept(FE_ALL_EXCEPT);
            fesetround(FE_TONEAREST);
            show_long_double(z); printf(" %x  ", flags); show_long_double(x); show_long_double(y);
        }
        }
        printf(" mode %d\n", mode);
    }
    return 0;
}
