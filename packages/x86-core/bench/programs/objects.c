/* Objects with tables of methods, as a C++ compiler lays them out; six classes, mixed, and what is called where is not known. */
#define COUNT 512

struct object;

struct methods {
	unsigned (*area)(const struct object *);
	void (*grow)(struct object *, unsigned);
	unsigned (*kind)(const struct object *);
};

struct object {
	const struct methods *methods;
	unsigned width, height;
};

static unsigned kind_0(const struct object *o) { return o->width & 1; }
static unsigned kind_1(const struct object *o) { return (o->height & 1) + 2; }

static unsigned rectangle_area(const struct object *o) { return o->width * o->height; }
static void rectangle_grow(struct object *o, unsigned by) { o->width += by; }
static unsigned square_area(const struct object *o) { return o->width * o->width; }
static void square_grow(struct object *o, unsigned by) { o->height = o->width += by; }
static unsigned triangle_area(const struct object *o) { return o->width * o->height / 2; }
static void triangle_grow(struct object *o, unsigned by) { o->width ^= by; o->height += by; }
static unsigned line_area(const struct object *o) { return o->width + o->height; }
static void line_grow(struct object *o, unsigned by) { o->height += by * 2; }
static unsigned circle_area(const struct object *o) { return o->width * o->width * 22 / 7; }
static void circle_grow(struct object *o, unsigned by) { o->width += by >> 1; }
static unsigned point_area(const struct object *o) { return o->methods != 0; }
static void point_grow(struct object *o, unsigned by) { if (by & 1) o->width++; }

static const struct methods classes[] = {
	{ rectangle_area, rectangle_grow, kind_0 },
	{ square_area, square_grow, kind_1 },
	{ triangle_area, triangle_grow, kind_0 },
	{ line_area, line_grow, kind_1 },
	{ circle_area, circle_grow, kind_0 },
	{ point_area, point_grow, kind_1 },
};

static struct object objects[COUNT];

unsigned run(void)
{
	unsigned seed = 1, sum = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		seed = seed * 1103515245 + 12345;
		objects[i] = (struct object){ classes + (seed >> 16) % 6, i & 15, i >> 5 };
	}
	for (unsigned pass = 0; pass < 60; pass++)
		for (struct object *o = objects; o < objects + COUNT; o++) {
			o->methods->grow(o, pass & 7);
			sum += o->methods->area(o);
			sum = sum * 3 + o->methods->kind(o);
		}
	return sum;
}
