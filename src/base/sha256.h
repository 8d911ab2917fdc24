/* SHA-256 of a text (FIPS 180-4): for the lock's key and the marks' hashes. Not
 * for secrets, and not fast: a few bytes at a time. */
#pragma once

#include "base/base.h"

#define SHA256_SIZE 32

void sha256(const void *bytes, size_t length, uint8_t ret_digest[SHA256_SIZE]);
