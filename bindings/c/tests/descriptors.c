/*
 * Reads descriptors, each as its length in decimal, a newline and the bytes, and answers with a
 * line for each: the kind and size that tism.c finds, or "no".
 */

#include "../tism.c"

int main(void)
{
	static char text[MAX_DESCRIPTOR + 1000];
	static const char *const kinds[] = {"no", "struct", "bytes", "msgpack"};
	size_t n;
	while (scanf("%zu", &n) == 1 && getchar() == '\n' && n < sizeof text) {
		uint64_t size = 0;
		char *exact = malloc(n + 1); /* so that a sanitizer sees a step beyond */
		if (!exact || fread(exact, 1, n, stdin) != n) {
			return 1;
		}
		enum kind k = parse_descriptor(exact, n, &size);
		(void)printf("%s %llu\n", kinds[k], k == NO_KIND ? 0 : (unsigned long long)size);
		free(exact);
	}
	return 0;
}
