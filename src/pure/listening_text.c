/* Why nobody reaches the app, in one sentence with what to do. */
#include "pure/listening.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <stdio.h>

#define SHOWN_MAX    3
#define ADDRESS_SIZE (sizeof(((struct listening *)NULL)->path) + sizeof("unix:"))

static bool has_bytes(const struct listening *one, const unsigned char expected[16])
{
	return memcmp(one->address, expected, sizeof(one->address)) == 0;
}

static bool is_any(const struct listening *one)
{
	static const unsigned char any[16] = { 0 };
	return has_bytes(one, any);
}

static bool is_loopback(const struct listening *one)
{
	static const unsigned char v6[16] = { [15] = 1 };
	return one->family == LISTENING_IPV4 ? one->address[0] == 127 : has_bytes(one, v6);
}

/* The ones that a sentence is about. */
struct choice {
	const struct listening *items[SHOWN_MAX];
	size_t n; /* may be more than are kept */
	bool all_ipv4, all_ipv6, all_loopback;
};

/* Several sockets may have one address (SO_REUSEPORT): it is shown once. */
static void choose(struct choice *choice, const struct listening *one)
{
	for (size_t i = 0; i < choice->n && i < SHOWN_MAX; i++)
		if (choice->items[i]->family == one->family &&
		    choice->items[i]->port == one->port &&
		    has_bytes(choice->items[i], one->address) &&
		    streq(choice->items[i]->path, one->path))
			return;
	if (choice->n == 0)
		choice->all_ipv4 = choice->all_ipv6 = choice->all_loopback = true;
	if (choice->n < SHOWN_MAX)
		choice->items[choice->n] = one;
	choice->n++;
	choice->all_ipv4 = choice->all_ipv4 && one->family == LISTENING_IPV4;
	choice->all_ipv6 = choice->all_ipv6 && one->family == LISTENING_IPV6;
	choice->all_loopback = choice->all_loopback && is_loopback(one);
}

static struct choice choose_at_port(const struct listening *all, size_t n, uint16_t port,
				    bool only_known)
{
	struct choice choice = { .n = 0 };
	for (size_t i = 0; i < n; i++)
		if (all[i].family != LISTENING_UNIX && all[i].port == port &&
		    (!only_known || all[i].owner != LISTENING_OWNER_UNKNOWN))
			choose(&choice, &all[i]);
	return choice;
}

/* What the command itself has, or else the next process that has any. */
static struct choice choose_of_first_owner(const struct listening *all, size_t n, bool is_unix)
{
	struct choice choice = { .n = 0 };
	int first = LISTENING_OWNER_UNKNOWN;
	for (size_t i = 0; i < n; i++)
		if ((all[i].family == LISTENING_UNIX) == is_unix &&
		    all[i].owner != LISTENING_OWNER_UNKNOWN &&
		    (first == LISTENING_OWNER_UNKNOWN || all[i].owner < first))
			first = all[i].owner;
	for (size_t i = 0; first != LISTENING_OWNER_UNKNOWN && i < n; i++)
		if ((all[i].family == LISTENING_UNIX) == is_unix && all[i].owner == first)
			choose(&choice, &all[i]);
	return choice;
}

/* ---- words ---- */

static void address_text(const struct listening *one, char *ret, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "";
	if (one->family == LISTENING_UNIX)
		(void)snprintf(ret, size, "unix:%s", one->path);
	else if (one->family == LISTENING_IPV4)
		(void)snprintf(ret, size, "%s:%u",
			       inet_ntop(AF_INET, one->address, host, sizeof(host)), one->port);
	else
		(void)snprintf(ret, size, "[%s]:%u",
			       inet_ntop(AF_INET6, one->address, host, sizeof(host)), one->port);
}

/* "gunicorn listens on 127.0.0.1:8000, [::1]:8000" */
static void say_listens(const struct choice *choice, const char *name, char *ret, size_t size)
{
	char address[ADDRESS_SIZE];
	text_copy(ret, size, name[0] != '\0' ? name : "something");
	for (size_t i = 0; i < choice->n && i < SHOWN_MAX; i++) {
		address_text(choice->items[i], address, sizeof(address));
		(void)text_append(ret, size, i == 0 ? " listens on " : ", ");
		(void)text_append(ret, size, address);
	}
	if (choice->n > SHOWN_MAX)
		(void)text_append(ret, size, " and more");
}

/* asyncio makes every IPv6 socket one of IPv6 only: there [::] reaches no IPv4. */
static bool has_one_family(const char *name)
{
	return starts_with(name, "uvicorn") || starts_with(name, "hypercorn");
}

/* What reaches everybody: both families, where the kernel and the server have them. */
static void add_remedy(const struct listening_question *question, const char *name, bool ipv4,
		       char *ret, size_t size)
{
	char text[32];
	bool ipv6_asked = question->asked == LISTENING_ASKED_IPV6 ||
			  (question->has_ipv6 && !question->has_ipv4);
	ipv4 = ipv4 || question->no_ipv6 || (has_one_family(name) && !ipv6_asked);
	(void)snprintf(text, sizeof(text), "bind %s:%u", ipv4 ? "0.0.0.0" : "[::]", question->port);
	(void)text_append(ret, size, text);
}

/* ---- refused ---- */

/* It listens there by now: the try came a moment too early, and nothing is wrong. */
static bool would_answer(const struct listening *one, const struct listening_question *question)
{
	static const unsigned char v4[16] = { 127, 0, 0, 1 }, v6[16] = { [15] = 1 };
	switch (question->asked) {
	case LISTENING_ASKED_LOCALHOST:
		return is_any(one) || has_bytes(one, one->family == LISTENING_IPV4 ? v4 : v6);
	case LISTENING_ASKED_IPV4:
		return one->family == LISTENING_IPV4 &&
		       (is_any(one) || has_bytes(one, question->address));
	case LISTENING_ASKED_IPV6:
		return one->family == LISTENING_IPV6 &&
		       (is_any(one) || has_bytes(one, question->address));
	case LISTENING_ASKED_UNIX:
		break;
	}
	return false;
}

/* At the port that was asked, but not where it was asked. */
static bool explain_same_port(const struct choice *choice,
			      const struct listening_question *question, char *ret, size_t size)
{
	const char *name = choice->items[0]->name;
	for (size_t i = 0; i < choice->n && i < SHOWN_MAX; i++)
		if (would_answer(choice->items[i], question))
			return false;
	bool only_ipv6 = question->asked == LISTENING_ASKED_IPV4 && choice->all_ipv6;
	bool only_ipv4 = question->asked == LISTENING_ASKED_IPV6 && choice->all_ipv4;
	say_listens(choice, name, ret, size);
	(void)text_append(ret, size,
			  only_ipv6   ? " by IPv6 only: "
			  : only_ipv4 ? " by IPv4 only: "
				      : " only: ");
	/* one that listens on [::] and is refused has both families apart */
	add_remedy(question, name, only_ipv6 && !choice->all_loopback, ret, size);
	return true;
}

bool listening_explain_refused(const struct listening *all, size_t n,
			       const struct listening_question *question, char *ret, size_t size)
{
	bool has_port = question->asked != LISTENING_ASKED_UNIX;
	struct choice choice = { .n = 0 };
	if (has_port)
		choice = choose_at_port(all, n, question->port, true);
	if (has_port && choice.n == 0 && question->some_hidden)
		choice = choose_at_port(all, n, question->port, false);
	if (choice.n > 0)
		return explain_same_port(&choice, question, ret, size);
	choice = choose_of_first_owner(all, n, !has_port);
	if (choice.n == 0)
		choice = choose_of_first_owner(all, n, has_port);
	if (choice.n == 0)
		return false;
	const char *name = choice.items[0]->name;
	say_listens(&choice, name, ret, size);
	if (!has_port) {
		(void)text_append(ret, size, " instead: change the check");
	} else {
		bool is_unix = choice.items[0]->family == LISTENING_UNIX;
		(void)text_append(ret, size,
				  is_unix ? " instead: change the check or "
					  : " instead: change the check's port or ");
		add_remedy(question, name, false, ret, size);
	}
	return true;
}

/* ---- answered ---- */

bool listening_explain_answered(const struct listening *all, size_t n,
				const struct listening_question *question, char *ret, size_t size)
{
	/* whoever else listens at this port answers from outside */
	struct choice anybody = choose_at_port(all, n, question->port, false);
	struct choice ours = choose_at_port(all, n, question->port, true);
	struct choice outside = { .n = 0 };
	if (ours.n == 0 || question->asked == LISTENING_ASKED_UNIX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (all[i].family != LISTENING_UNIX && all[i].port == question->port &&
		    !is_loopback(&all[i]))
			choose(&outside, &all[i]);
	const char *name = ours.items[0]->name;
	bool no_ipv6 = outside.all_ipv4 && question->has_ipv6 && !question->has_ipv4;
	bool no_ipv4 = outside.all_ipv6 && question->ipv4_refused && question->has_ipv4 &&
		       !question->has_ipv6;
	if (anybody.all_loopback) {
		say_listens(&ours, name, ret, size);
		(void)text_append(ret, size, " only, which nobody outside reaches: ");
	} else if (no_ipv6 || no_ipv4) {
		say_listens(&ours, name, ret, size);
		(void)text_append(ret, size,
				  no_ipv6 ? " by IPv4 only, which nobody reaches by IPv6: "
					  : " by IPv6 only, which nobody reaches by IPv4: ");
	} else {
		return false;
	}
	add_remedy(question, name, no_ipv4, ret, size);
	return true;
}
