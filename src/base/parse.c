/* Strict scalars. */
#include "base/parse.h"

#include <ctype.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>

static const struct {
	const char *suffix;
	int64_t ms;
} duration_units[] = {
	/* longest first, so that the spelling of a duration is the shortest */
	{ "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

/* What Docker and systemd mean by RTMIN+3, and a program with glibc hears. SIGRTMIN of a C
 * library says which of them that one has left (musl's is 35), and would have the same
 * configuration send another signal with another build of pidone. */
#define SIGNAL_RTMIN 34
#define SIGNAL_RTMAX 64UL

#define DURATION_MAX_MS (INT64_C(10) * 366 * 24 * 3600000)

int parse_uint(const char *text, unsigned long max, unsigned long *ret)
{
	unsigned long value = 0;
	if (text[0] == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		unsigned long digit = (unsigned long)(unsigned char)*text - '0';
		if (digit > 9 || value > (ULONG_MAX - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	if (value > max)
		return -1;
	*ret = value;
	return 0;
}

int parse_duration_ms(const char *text, int64_t *ret_ms)
{
	if (streq(text, "none")) {
		*ret_ms = DURATION_NONE;
		return 0;
	}
	size_t digits = strspn(text, "0123456789");
	char number[16];
	if (digits == 0 || digits >= sizeof(number))
		return -1;
	memcpy(number, text, digits);
	number[digits] = '\0';
	unsigned long value = 0;
	if (parse_uint(number, DURATION_MAX_MS, &value) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(duration_units); i++) {
		if (!streq(text + digits, duration_units[i].suffix))
			continue;
		if ((int64_t)value > DURATION_MAX_MS / duration_units[i].ms)
			return -1;
		*ret_ms = (int64_t)value * duration_units[i].ms;
		return 0;
	}
	return -1;
}

const char *duration_text(int64_t ms, char *buffer, size_t size)
{
	if (ms < 0)
		return "none";
	size_t i = 0;
	while (i + 1 < ARRAY_SIZE(duration_units) &&
	       (ms == 0 ? !streq(duration_units[i].suffix, "s")
			: ms % duration_units[i].ms != 0))
		i++;
	(void)snprintf(buffer, size, "%lld%s", (long long)(ms / duration_units[i].ms),
		       duration_units[i].suffix);
	return buffer;
}

/* sigabbrev_np() would do, but only glibc has it. Of two names of one number
 * the first is the one that is printed. */
#define SIGNAL(name) { #name, SIG##name }
static const struct {
	const char *name;
	int signo;
} signals[] = {
	SIGNAL(HUP),  SIGNAL(INT),    SIGNAL(QUIT),  SIGNAL(ILL),    SIGNAL(TRAP), SIGNAL(ABRT),
	SIGNAL(BUS),  SIGNAL(FPE),    SIGNAL(KILL),  SIGNAL(USR1),   SIGNAL(SEGV), SIGNAL(USR2),
	SIGNAL(PIPE), SIGNAL(ALRM),   SIGNAL(TERM),  SIGNAL(STKFLT), SIGNAL(CHLD), SIGNAL(CONT),
	SIGNAL(STOP), SIGNAL(TSTP),   SIGNAL(TTIN),  SIGNAL(TTOU),   SIGNAL(URG),  SIGNAL(XCPU),
	SIGNAL(XFSZ), SIGNAL(VTALRM), SIGNAL(PROF),  SIGNAL(WINCH),  SIGNAL(IO),   SIGNAL(POLL),
	SIGNAL(PWR),  SIGNAL(SYS),
};

int parse_signal(const char *text, int *ret_signo)
{
	unsigned long number = 0;
	if (parse_uint(text, 64, &number) == 0) {
		if (number == 0)
			return -1;
		*ret_signo = (int)number;
		return 0;
	}
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	if (strncasecmp(text, "RTMIN", 5) == 0) {
		number = 0;
		if (text[5] != '\0' &&
		    (text[5] != '+' ||
		     parse_uint(text + 6, SIGNAL_RTMAX - SIGNAL_RTMIN, &number) < 0))
			return -1;
		*ret_signo = SIGNAL_RTMIN + (int)number;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		if (strcasecmp(signals[i].name, text) == 0) {
			*ret_signo = signals[i].signo;
			return 0;
		}
	}
	return -1;
}

const char *signal_name(int signo, char *buffer, size_t size)
{
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		if (signals[i].signo == signo)
			return signals[i].name;
	if (signo >= SIGNAL_RTMIN && signo <= (int)SIGNAL_RTMAX)
		(void)snprintf(buffer, size, "RTMIN+%d", signo - SIGNAL_RTMIN);
	else
		(void)snprintf(buffer, size, "signal %d", signo);
	return buffer;
}

const char *end_text(int code, int signo, char *buffer, size_t size)
{
	char name[16];
	if (signo != 0)
		(void)snprintf(buffer, size, "was ended by %s",
			       signal_name(signo, name, sizeof(name)));
	else
		(void)snprintf(buffer, size, "exited with %d", code);
	return buffer;
}

int parse_port(const char *text, uint16_t *ret_port)
{
	unsigned long value = 0;
	if (parse_uint(text, 65535, &value) < 0 || value == 0)
		return -1;
	*ret_port = (uint16_t)value;
	return 0;
}

int parse_bool(const char *text, bool *ret)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
			*ret = strcasecmp(text, yes[i]) == 0;
			return 0;
		}
	}
	return -1;
}

int parse_octal(const char *text, mode_t max, mode_t *ret)
{
	size_t digits = strspn(text, "01234567");
	if (digits == 0 || digits > 6 || text[digits] != '\0')
		return -1;
	unsigned long value = strtoul(text, NULL, 8);
	if (value > max)
		return -1;
	*ret = (mode_t)value;
	return 0;
}

int parse_host_port(const char *text, char *ret_host, size_t host_size, uint16_t *ret_port)
{
	const char *host = text, *host_end = text, *port = text;
	if (text[0] == '[') {
		host = text + 1;
		host_end = strchr(host, ']');
		if (host_end == NULL || host_end == host || host_end[1] != ':')
			return -1;
		port = host_end + 2;
	} else {
		const char *colon = strchr(text, ':');
		if (colon != NULL && strchr(colon + 1, ':') != NULL)
			return -1; /* an IPv6 address needs its brackets */
		if (colon != NULL) {
			host_end = colon;
			port = colon + 1;
		}
	}
	size_t length = (size_t)(host_end - host);
	if (length >= host_size || parse_port(port, ret_port) < 0)
		return -1;
	memcpy(ret_host, host, length);
	ret_host[length] = '\0';
	return 0;
}

/* Edit distance with neighbours swapped counting one (optimal string
 * alignment), over words of at most SUGGEST_MAX letters. */
#define SUGGEST_MAX 48

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;
	return ab < c ? ab : c;
}

static size_t edit_distance(const char *a, const char *b)
{
	size_t rows[3][SUGGEST_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];
	size_t a_length = strlen(a), b_length = strlen(b);
	for (size_t j = 0; j <= b_length; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			size_t differs = a[i - 1] != b[j - 1];
			row[j] = smallest(last[j] + 1, row[j - 1] + 1, last[j - 1] + differs);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		size_t *oldest = before;
		before = last;
		last = row;
		row = oldest;
	}
	return last[b_length];
}

const char *parse_suggest(const char *word, const char *const *candidates, size_t n)
{
	size_t length = strlen(word);
	if (length > SUGGEST_MAX)
		return NULL;
	const char *best = NULL;
	size_t best_distance = length / 3 + 1;
	if (length < 3)
		best_distance = 2;
	for (size_t i = 0; i < n; i++) {
		if (strlen(candidates[i]) > SUGGEST_MAX)
			continue;
		size_t distance = edit_distance(word, candidates[i]);
		if (distance < best_distance) {
			best_distance = distance;
			best = candidates[i];
		}
	}
	return best;
}
