/* A quicksort that compares through a function pointer, as a C library's does. */
#define COUNT 8000

typedef int (*Compare)(const void *, const void *);

static int items[COUNT];

static int ascending(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

static int scattered(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a * 2654435761u, y = *(const unsigned *)b * 2654435761u;

	return (x > y) - (x < y);
}

static void sort(int *low, int *high, Compare compare)
{
	while (low < high) {
		int pivot = low[(high - low) / 2];
		int *i = low, *j = high;

		while (i <= j) {
			while (compare(i, &pivot) < 0)
				i++;
			while (compare(j, &pivot) > 0)
				j--;
			if (i <= j) {
				int t = *i;
				*i++ = *j;
				*j-- = t;
			}
		}
		sort(low, j, compare);
		low = i;
	}
}

unsigned run(void)
{
	/* two orders, so that no round meets sorted input; the pointer is not known to the compiler */
	Compare volatile orders[2] = { ascending, scattered };
	unsigned sum = 0;

	for (int i = 0; i < COUNT; i++)
		items[i] = (i * 7919) ^ (i << 4);
	sort(items, items + COUNT - 1, orders[1]);
	for (int i = 0; i < COUNT; i += 100)
		sum = sum * 31 + items[i];
	sort(items, items + COUNT - 1, orders[0]);
	for (int i = 0; i < COUNT; i += 100)
		sum = sum * 31 + items[i];
	return sum;
}
