/* The hash by which a step is known. */
#include "pure/mark.h"

#include "base/sha256.h"

#include <stdio.h>

const char *mark_hash(const char *text, char buffer[MARK_HASH_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	sha256(text, strlen(text), digest);
	for (size_t i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(buffer + 2 * i, 3, "%02x", digest[i]);
	return buffer;
}
