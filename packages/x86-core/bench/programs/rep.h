/* The string instructions, as a C library of the time used them. */
static inline void copy_bytes(void *to, const void *from, unsigned count)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static inline void copy_words(void *to, const void *from, unsigned count)
{
	asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}

static inline void fill_bytes(void *to, unsigned value, unsigned count)
{
	asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

static inline void fill_words(void *to, unsigned value, unsigned count)
{
	asm volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}
