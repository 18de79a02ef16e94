/*
 * A matrix product, a linear system, a Fourier transform and a few sums, in the type REAL is defined as. All results
 * are shown to the last bit.
 */
#include "common.h"
#include <math.h>

#ifndef REAL
#define REAL double
#endif

enum { size = 40, points = 1024 };

static REAL a[size][size], b[size][size], c[size][size], v[size];
static REAL re[points], im[points];

static void show(REAL x)
{
    if (sizeof x == 4) show_float(x);
    else if (sizeof x == 8) show_double(x);
    else show_long_double(x);
}

static REAL some(void) { return (REAL)(int32_t)any32() / (REAL)(1 + below(1 << 20)); }

static void multiply(void)
{
    for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++) c[i][j] = 0;
    for (int i = 0; i < size; i++)
        for (int k = 0; k < size; k++)
            for (int j = 0; j < size; j++) c[i][j] += a[i][k] * b[k][j];
}

/* Gauss, with the largest pivot. */
static void solve(void)
{
    for (int k = 0; k < size; k++) {
        int pivot = k;
        for (int i = k + 1; i < size; i++)
            if (fabsl(c[i][k]) > fabsl(c[pivot][k])) pivot = i;
        for (int j = 0; j < size; j++) { REAL t = c[k][j]; c[k][j] = c[pivot][j]; c[pivot][j] = t; }
        REAL t = v[k]; v[k] = v[pivot]; v[pivot] = t;
        for (int i = k + 1; i < size; i++) {
            REAL factor = c[i][k] / c[k][k];
            for (int j = k; j < size; j++) c[i][j] -= factor * c[k][j];
            v[i] -= factor * v[k];
        }
    }
    for (int k = size - 1; k >= 0; k--) {
        for (int j = k + 1; j < size; j++) v[k] -= c[k][j] * v[j];
        v[k] /= c[k][k];
    }
}

/* In place; `sign` 1 there, -1 back. The roots of unity come from repeated square roots: nothing transcendental. */
static void transform(int sign)
{
    for (int i = 1, j = 0; i < points; i++) {
        int bit = points >> 1;
        for (; j & bit; bit >>= 1) j ^= bit;
        j ^= bit;
        if (i < j) {
            REAL t = re[i]; re[i] = re[j]; re[j] = t;
            t = im[i]; im[i] = im[j]; im[j] = t;
        }
    }
    REAL cosine = -1, sine = 0;
    for (int length = 2; length <= points; length <<= 1) {
        for (int from = 0; from < points; from += length) {
            REAL wr = 1, wi = 0;
            for (int k = 0; k < length / 2; k++) {
                int p = from + k, q = p + length / 2;
                REAL xr = re[q] * wr - im[q] * wi, xi = re[q] * wi + im[q] * wr;
                re[q] = re[p] - xr; im[q] = im[p] - xi;
                re[p] += xr; im[p] += xi;
                REAL t = wr * cosine - wi * sine;
                wi = wr * sine + wi * cosine;
                wr = t;
            }
        }
        REAL next = sqrtl((1 + cosine) / 2);
        sine = length == 2 ? sign : sine / (2 * next);
        cosine = next;
    }
}

static void sums(void)
{
    REAL plain = 0, careful = 0, rest = 0, product = 1, harmonic = 0;
    int64_t whole = 0;
    uint32_t bits = 0;
    for (int i = 1; i <= 3000; i++) {
        REAL x = some(), y = x - rest, t = careful + y;
        plain += x;
        rest = (t - careful) - y;
        careful = t;
        product *= 1 + 1 / (REAL)(i * i);
        harmonic += 1 / (REAL)i;
        whole += (int64_t)x;
        bits ^= (uint32_t)(int32_t)(x / 2) + (x < y) + 2 * (x >= plain) + 4 * (x != x);
    }
    show(plain); show(careful); show(product); show(harmonic);
    printf(" %lld %08x\n", (long long)whole, bits);
}

int main(void)
{
    for (int i = 0; i < size; i++) {
        v[i] = some();
        for (int j = 0; j < size; j++) { a[i][j] = some(); b[i][j] = some(); }
    }
    multiply();
    for (int i = 0; i < size; i++, puts(""))
        for (int j = 0; j < size; j++) show(c[i][j]);
    solve();
    for (int i = 0; i < size; i++) { show(v[i]); printf(" %.20Lg\n", (long double)v[i]); }
    for (int i = 0; i < points; i++) { re[i] = some(); im[i] = 0; }
    transform(1);
    for (int i = 0; i < points; i++) { show(re[i]); show(im[i]); puts(""); }
    transform(-1);
    for (int i = 0; i < points; i++) { show(re[i] / points); show(im[i] / points); puts(""); }
    sums();
    return 0;
}
