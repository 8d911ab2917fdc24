/* Runs a fuzz target over the files given as arguments, so that the corpus is
 * replayed without libFuzzer, by any compiler. */
#include "base/mem.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		FILE *file = fopen(argv[i], "rb");
		if (file == NULL) {
			perror(argv[i]);
			return 1;
		}
		uint8_t *data = NULL;
		size_t size = 0, got;
		do {
			data = mem_resize(data, size + 4096);
			got = fread(data + size, 1, 4096, file);
			size += got;
		} while (got > 0);
		(void)fclose(file);
		data = mem_resize(data, size); /* so that a byte too far is a heap overflow */
		(void)LLVMFuzzerTestOneInput(data, size);
		free(data);
	}
	return 0;
}
