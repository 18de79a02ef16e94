/* One load after the other, each address out of the load before, all over 1 MiB. */
#define COUNT (1 << 17)

static struct node { struct node *next; unsigned value; } nodes[COUNT];

unsigned run(void)
{
	unsigned sum = 0;
	struct node *node = nodes;

	if (!nodes->next)
		/* a full-period congruential sequence visits every node once */
		for (unsigned i = 0; i < COUNT; i++) {
			nodes[i].next = nodes + ((i * 84589 + 45989) & (COUNT - 1));
			nodes[i].value = i;
		}
	for (unsigned i = 0; i < COUNT * 4; i++) {
		sum += node->value;
		node = node->next;
	}
	return sum;
}
