/* Integer matrices: multiply-add over rows and columns. */
#define N 64

static int a[N][N], b[N][N], c[N][N];

unsigned run(void)
{
	unsigned sum = 0;

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = i * 3 + j;
			b[i][j] = i - j * 5;
		}
	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			int s = 0;
			for (int k = 0; k < N; k++)
				s += a[i][k] * b[k][j];
			c[i][j] = s;
		}
	for (int i = 0; i < N; i++)
		sum = sum * 31 + c[i][N - 1 - i];
	return sum;
}
