/* Matrices of doubles; compiled for the x87 and for scalar SSE2. */
#define N 48

static double a[N][N], b[N][N], c[N][N];

static unsigned bits(double value)
{
	union { double d; unsigned u[2]; } both = { value };

	return both.u[0] ^ both.u[1];
}

unsigned run(void)
{
	unsigned sum = 0;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = (i * 3 + j) * 0.125 + 1.0 / (j + 1);
			b[i][j] = (i - j * 5) * 0.1;
		}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			double s = 0;
			for (int k = 0; k < N; k++)
				s += a[i][k] * b[k][j];
			c[i][j] = s;
		}
	for (int i = 0; i < N; i++)
		sum = sum * 31 + bits(c[i][N - 1 - i]);
	return sum;
}
