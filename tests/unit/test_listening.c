/* Who listens where: the kernel's lines, and the sentences that are made of them. */
#include "pure/listening.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define PORT 8000

/* As the kernel prints it, whatever the machine's byte order is. */
static const char *line_of(int family, const char *address, unsigned port, const char *state,
			   char *line, size_t size)
{
	uint32_t words[4] = { 0 };
	char hex[40] = "";
	assert_int_equal(inet_pton(family, address, words), 1);
	for (size_t i = 0; i < (family == AF_INET ? 1U : 4U); i++)
		(void)snprintf(hex + 8 * i, sizeof(hex) - 8 * i, "%08X", words[i]);
	(void)snprintf(line, size,
		       "   7: %s:%04X 00000000:0000 %s 00000000:00000000 00:00000000 00000000"
		       "  1000        0 4711 1 000000005fac4eb4 100 0 0 10 0\n",
		       hex, port, state);
	return line;
}

static struct listening tcp(const char *address, unsigned port)
{
	char line[256];
	struct listening one;
	int family = strchr(address, ':') != NULL ? AF_INET6 : AF_INET;
	assert_true(listening_parse_tcp(line_of(family, address, port, "0A", line, sizeof(line)),
					&one));
	assert_int_equal(one.port, port);
	assert_int_equal(one.inode, 4711);
	return one;
}

static void reads_addresses(void **state ATTR_UNUSED)
{
	static const struct {
		const char *address;
		enum listening_family family;
		unsigned char first, last;
	} cases[] = {
		{ "127.0.0.1", LISTENING_IPV4, 127, 1 },
		{ "0.0.0.0", LISTENING_IPV4, 0, 0 },
		{ "10.1.2.3", LISTENING_IPV4, 10, 3 },
		{ "::", LISTENING_IPV6, 0, 0 },
		{ "::1", LISTENING_IPV6, 0, 1 },
		{ "2001:db8::5", LISTENING_IPV6, 0x20, 5 },
		{ "::ffff:127.0.0.1", LISTENING_IPV4, 127, 1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct listening one = tcp(cases[i].address, 65535);
		bool is_v4 = cases[i].family == LISTENING_IPV4;
		assert_int_equal(one.family, cases[i].family);
		assert_int_equal(one.address[0], cases[i].first);
		assert_int_equal(one.address[is_v4 ? 3 : 15], cases[i].last);
		assert_int_equal(one.owner, LISTENING_OWNER_UNKNOWN);
	}
}

static void reads_nothing_else(void **state ATTR_UNUSED)
{
	static const char *const lines[] = {
		"",
		"\n",
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid "
		" "
		"timeout inode\n",
		"0: 0100007F:1F40 0:0 0A",
		"0: 0100007F:1F40 0:0 0A 0:0 0:0 0 0 0\n",
		"0: 0100007F:1F40 0:0 0A 0:0 0:0 0 0 0 0\n",
		"0: 0100007F:1F40 0:0 0A 0:0 0:0 0 0 0 -4\n",
		"0: 0100007F:1F40 0:0 0A 0:0 0:0 0 0 0 99999999999999999999\n",
		"0: 0100007F:1F400 0:0 0A 0:0 0:0 0 0 0 1\n",
		"0: 0100007F:0000 0:0 0A 0:0 0:0 0 0 0 1\n",
		"0: 0100007F 0:0 0A 0:0 0:0 0 0 0 1\n",
		"0: 0100007:1F40 0:0 0A 0:0 0:0 0 0 0 1\n",
		"0: 0100007G:1F40 0:0 0A 0:0 0:0 0 0 0 1\n",
		"0: 0100007F:1F40 0:0 10A 0:0 0:0 0 0 0 1\n",
		"0: 0100007F:1F40 0:0  0:0 0:0 0 0 0 1\n",
	};
	struct listening one;
	char line[256];
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		if (listening_parse_tcp(lines[i], &one))
			fail_msg("read: %s", lines[i]);
	/* established, and just about to be */
	assert_false(listening_parse_tcp(line_of(AF_INET, "0.0.0.0", 1, "01", line, sizeof(line)),
					 &one));
	assert_false(
		listening_parse_tcp(line_of(AF_INET6, "::", 1, "0C", line, sizeof(line)), &one));
}

static void reads_unix_sockets(void **state ATTR_UNUSED)
{
	static const char *const others[] = {
		"Num       RefCount Protocol Flags    Type St Inode Path\n",
		"0000000000000000: 00000003 00000000 00000000 0001 03  1675\n",
		"0000000000000000: 00000002 00000000 00010000 0001 01  1675\n",
		"0000000000000000: 00000002 00000000 00010000 0001 01  1675 \n",
		"0000000000000000: 00000002 00000000 00010000 0005 01  1675 /run/a\n",
		"0000000000000000: 00000002 00000000 00000000 0002 01  1675 /run/a\n",
		"0000000000000000: 00000002 00000000 00010000 0001 01  x /run/a\n",
	};
	struct listening one;
	char line[256];
	assert_true(listening_parse_unix(
		"0000000000000000: 00000002 00000000 00010000 0001 01  1675 /run/my app.sock\n",
		&one));
	assert_int_equal(one.family, LISTENING_UNIX);
	assert_int_equal(one.inode, 1675);
	assert_string_equal(one.path, "/run/my app.sock");
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (listening_parse_unix(others[i], &one))
			fail_msg("read: %s", others[i]);
	(void)snprintf(line, sizeof(line), "0: 2 0 10000 1 1 5 /%0107d\n", 0);
	assert_false(listening_parse_unix(line, &one)); /* longer than any */
}

/* ---- sentences ---- */

static struct listening all[16];
static size_t n;
static struct listening_question question;

static void begin(enum listening_asked asked)
{
	n = 0;
	question = (struct listening_question){ .asked = asked, .port = PORT };
	if (asked == LISTENING_ASKED_IPV4)
		assert_int_equal(inet_pton(AF_INET, "127.0.0.1", question.address), 1);
	if (asked == LISTENING_ASKED_IPV6)
		assert_int_equal(inet_pton(AF_INET6, "::1", question.address), 1);
}

static void add(const char *address, unsigned port, int owner, const char *name)
{
	struct listening one = { .family = LISTENING_UNIX };
	if (address[0] == '/')
		(void)snprintf(one.path, sizeof(one.path), "%s", address);
	else
		one = tcp(address, port);
	one.owner = owner;
	(void)snprintf(one.name, sizeof(one.name), "%s", name);
	all[n++] = one;
}

static void refused(const char *expected)
{
	char text[256] = "";
	bool explained = listening_explain_refused(all, n, &question, text, sizeof(text));
	assert_string_equal(explained ? text : "", expected);
}

static void answered(const char *expected)
{
	char text[256] = "";
	bool explained = listening_explain_answered(all, n, &question, text, sizeof(text));
	assert_string_equal(explained ? text : "", expected);
}

static void another_port(void **state ATTR_UNUSED)
{
	begin(LISTENING_ASKED_LOCALHOST);
	refused("");
	add("0.0.0.0", 9480, LISTENING_OWNER_UNKNOWN, "");
	refused("");
	add("/run/app.sock", 0, 0, "gunicorn");
	refused("gunicorn listens on unix:/run/app.sock instead: change the check or bind "
		"[::]:8000");
	add("10.0.0.1", 9001, 2, "orphan");
	add("::1", 9002, 1, "exporter");
	refused("exporter listens on [::1]:9002 instead: change the check's port or bind "
		"[::]:8000");
	add("127.0.0.1", 9000, 0, "gunicorn");
	add("127.0.0.1", 9000, 0, "gunicorn"); /* SO_REUSEPORT */
	refused("gunicorn listens on 127.0.0.1:9000 instead: change the check's port or bind "
		"[::]:8000");
	question.no_ipv6 = true;
	add("10.0.0.1", 9001, 0, "gunicorn");
	add("10.0.0.1", 9002, 0, "gunicorn");
	add("10.0.0.1", 9003, 0, "gunicorn");
	refused("gunicorn listens on 127.0.0.1:9000, 10.0.0.1:9001, 10.0.0.1:9002 and more "
		"instead: change the check's port or bind 0.0.0.0:8000");
}

static void another_address(void **state ATTR_UNUSED)
{
	begin(LISTENING_ASKED_IPV4);
	assert_int_equal(inet_pton(AF_INET, "10.0.0.5", question.address), 1);
	add("127.0.0.1", PORT, 0, "gunicorn");
	add("0.0.0.0", 9000, 0, "gunicorn");
	refused("gunicorn listens on 127.0.0.1:8000 only: bind [::]:8000");
	question.no_ipv6 = true;
	refused("gunicorn listens on 127.0.0.1:8000 only: bind 0.0.0.0:8000");
	begin(LISTENING_ASKED_LOCALHOST);
	add("10.0.0.5", PORT, 0, "uvicorn");
	refused("uvicorn listens on 10.0.0.5:8000 only: bind 0.0.0.0:8000");
}

static void one_family(void **state ATTR_UNUSED)
{
	begin(LISTENING_ASKED_IPV4);
	add("::", PORT, 0, "uvicorn");
	refused("uvicorn listens on [::]:8000 by IPv6 only: bind 0.0.0.0:8000");
	all[0] = tcp("::1", PORT);
	all[0].owner = 0;
	memcpy(all[0].name, "node", 5);
	refused("node listens on [::1]:8000 by IPv6 only: bind [::]:8000");
	begin(LISTENING_ASKED_IPV6);
	add("0.0.0.0", PORT, 0, "uvicorn");
	refused("uvicorn listens on 0.0.0.0:8000 by IPv4 only: bind [::]:8000");
}

static void nothing_wrong(void **state ATTR_UNUSED)
{
	static const struct {
		enum listening_asked asked;
		const char *address;
	} cases[] = {
		{ LISTENING_ASKED_LOCALHOST, "127.0.0.1" },
		{ LISTENING_ASKED_LOCALHOST, "0.0.0.0" },
		{ LISTENING_ASKED_LOCALHOST, "::1" },
		{ LISTENING_ASKED_LOCALHOST, "::" },
		{ LISTENING_ASKED_IPV4, "127.0.0.1" },
		{ LISTENING_ASKED_IPV4, "0.0.0.0" },
		{ LISTENING_ASKED_IPV6, "::1" },
		{ LISTENING_ASKED_IPV6, "::" },
	};
	/* it listens where it was asked, since a moment ago */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		begin(cases[i].asked);
		add(cases[i].address, PORT, 0, "gunicorn");
		add("10.0.0.5", PORT, 0, "gunicorn");
		refused("");
	}
}

static void who_cannot_be_seen(void **state ATTR_UNUSED)
{
	begin(LISTENING_ASKED_IPV6);
	add("127.0.0.1", PORT, LISTENING_OWNER_UNKNOWN, "");
	add("127.0.0.1", 9000, LISTENING_OWNER_UNKNOWN, "");
	refused("");
	question.some_hidden = true;
	refused("something listens on 127.0.0.1:8000 by IPv4 only: bind [::]:8000");
	question.asked = LISTENING_ASKED_LOCALHOST;
	question.port = 8001;
	refused("");
	question.port = PORT;
	answered("");
}

static void another_unix_socket(void **state ATTR_UNUSED)
{
	begin(LISTENING_ASKED_UNIX);
	add("127.0.0.1", 9000, 0, "uwsgi");
	refused("uwsgi listens on 127.0.0.1:9000 instead: change the check");
	add("/run/a.sock", 0, 1, "uwsgi");
	refused("uwsgi listens on unix:/run/a.sock instead: change the check");
	answered("");
}

static void loopback_only(void **state ATTR_UNUSED)
{
	begin(LISTENING_ASKED_LOCALHOST);
	answered("");
	add("127.0.0.1", PORT, LISTENING_OWNER_UNKNOWN, "");
	answered("");
	all[0].owner = 0;
	memcpy(all[0].name, "python3", 8);
	answered("python3 listens on 127.0.0.1:8000 only, which nobody outside reaches: bind "
		 "[::]:8000");
	add("::1", PORT, 0, "python3");
	answered("python3 listens on 127.0.0.1:8000, [::1]:8000 only, which nobody outside "
		 "reaches: bind [::]:8000");
	/* somebody else passes on what comes from outside */
	add("10.0.0.5", PORT, LISTENING_OWNER_UNKNOWN, "");
	answered("");
}

static void family_that_nobody_has(void **state ATTR_UNUSED)
{
	begin(LISTENING_ASKED_LOCALHOST);
	add("0.0.0.0", PORT, 0, "gunicorn");
	answered("");
	question.has_ipv4 = question.has_ipv6 = true;
	answered("");
	question.has_ipv4 = false;
	answered("gunicorn listens on 0.0.0.0:8000 by IPv4 only, which nobody reaches by IPv6: "
		 "bind [::]:8000");
	all[0] = tcp("::", PORT);
	all[0].owner = 0;
	memcpy(all[0].name, "uvicorn", 8);
	answered("");
	question.has_ipv4 = true;
	question.has_ipv6 = false;
	answered(""); /* both families, as far as is known */
	question.ipv4_refused = true;
	answered("uvicorn listens on [::]:8000 by IPv6 only, which nobody reaches by IPv4: bind "
		 "0.0.0.0:8000");
}

static void keeps_its_bounds(void **state ATTR_UNUSED)
{
	char text[40];
	begin(LISTENING_ASKED_LOCALHOST);
	add("2001:db8:1111:2222:3333:4444:5555:6666", 9000, 0, "gunicorn");
	assert_true(listening_explain_refused(all, n, &question, text, sizeof(text)));
	assert_string_equal(text, "gunicorn listens on [2001:db8:1111:2222");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_addresses),        cmocka_unit_test(reads_nothing_else),
		cmocka_unit_test(reads_unix_sockets),     cmocka_unit_test(another_port),
		cmocka_unit_test(another_address),        cmocka_unit_test(one_family),
		cmocka_unit_test(nothing_wrong),          cmocka_unit_test(who_cannot_be_seen),
		cmocka_unit_test(another_unix_socket),    cmocka_unit_test(loopback_only),
		cmocka_unit_test(family_that_nobody_has), cmocka_unit_test(keeps_its_bounds),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
