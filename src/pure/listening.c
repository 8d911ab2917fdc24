/* The kernel's spelling of sockets, read field by field. */
#include "pure/listening.h"

#include <stdio.h>

#define STATE_LISTEN   0x0a
#define FLAG_LISTENS   0x10000 /* of a unix socket */
#define TYPE_STREAM    1
#define HEX_ADDRESS_V4 8
#define HEX_ADDRESS_V6 32

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The field at *text, and *text behind it; its length, 0 at the end of the line. */
static size_t next_field(const char **text, const char **ret_field)
{
	const char *field = *text + strspn(*text, " ");
	size_t length = strcspn(field, " \n");
	*ret_field = field;
	*text = field + length;
	return length;
}

/* Exactly these digits, at most eight. */
static bool parse_hex(const char *text, size_t length, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < length; i++) {
		int digit = hex_digit(text[i]);
		if (digit < 0)
			return false;
		*ret = *ret << 4 | (uint32_t)digit;
	}
	return length > 0 && length <= 8;
}

static bool parse_inode(const char *text, size_t length, uint64_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9' || *ret > UINT64_MAX / 10 - 1)
			return false;
		*ret = *ret * 10 + (uint64_t)(text[i] - '0');
	}
	return *ret != 0;
}

/* "0100007F:1F40": each four bytes of the address are one number of the host's order,
 * so that its bytes in memory are those on the wire; the port is a plain number. */
static bool parse_address(const char *text, size_t length, struct listening *ret)
{
	static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
	const char *colon = memchr(text, ':', length);
	size_t digits = colon != NULL ? (size_t)(colon - text) : 0;
	uint32_t word = 0;
	if (digits != HEX_ADDRESS_V4 && digits != HEX_ADDRESS_V6)
		return false;
	for (size_t i = 0; i < digits / 8; i++) {
		if (!parse_hex(text + 8 * i, 8, &word))
			return false;
		memcpy(ret->address + 4 * i, &word, sizeof(word));
	}
	if (length - digits - 1 != 4 || !parse_hex(colon + 1, 4, &word) || word == 0)
		return false;
	ret->port = (uint16_t)word;
	ret->family = digits == HEX_ADDRESS_V4 ? LISTENING_IPV4 : LISTENING_IPV6;
	if (ret->family == LISTENING_IPV6 && memcmp(ret->address, mapped, sizeof(mapped)) == 0) {
		memmove(ret->address, ret->address + sizeof(mapped), 4);
		memset(ret->address + 4, 0, sizeof(ret->address) - 4);
		ret->family = LISTENING_IPV4;
	}
	return true;
}

/* sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode … */
bool listening_parse_tcp(const char *line, struct listening *ret)
{
	const char *field;
	size_t length = 0;
	uint32_t state = 0;
	*ret = (struct listening){ .owner = LISTENING_OWNER_UNKNOWN };
	for (int i = 0; i < 10; i++) {
		length = next_field(&line, &field);
		if (i == 1 && !parse_address(field, length, ret))
			return false;
		if (i == 3 && (!parse_hex(field, length, &state) || state != STATE_LISTEN))
			return false;
	}
	return parse_inode(field, length, &ret->inode);
}

/* Num: RefCount Protocol Flags Type St Inode Path; the path is the rest of the line. */
bool listening_parse_unix(const char *line, struct listening *ret)
{
	const char *field;
	uint32_t number = 0;
	*ret = (struct listening){ .family = LISTENING_UNIX, .owner = LISTENING_OWNER_UNKNOWN };
	for (int i = 0; i < 7; i++) {
		size_t length = next_field(&line, &field);
		if (i == 3 && (!parse_hex(field, length, &number) || (number & FLAG_LISTENS) == 0))
			return false;
		if (i == 4 && (!parse_hex(field, length, &number) || number != TYPE_STREAM))
			return false;
		if (i == 6 && !parse_inode(field, length, &ret->inode))
			return false;
	}
	size_t length = line[0] == ' ' ? strcspn(++line, "\n") : 0;
	if (length == 0 || length >= sizeof(ret->path))
		return false; /* one without a name is nobody's to reach */
	memcpy(ret->path, line, length);
	return true;
}
