/* Sockets first: they need no network namespace, no port and no family. */
#include "cmd/ask.h"

#include "base/parse.h"
#include "effect/config_file.h"
#include "effect/http_client.h"
#include "effect/listen.h"
#include "pure/config.h"
#include "sys/sys.h"

#include <glob.h>
#include <stdio.h>

#define TIMEOUT_MS 2000

static int get(const char *socket_path, const char *host, uint16_t port, const char *path,
	       unsigned *ret_status, struct buf *ret_body, struct err *err)
{
	const struct http_client_request request = {
		.unix_path = socket_path,
		.host = host,
		.port = port,
		.path = path,
		.host_header = "localhost",
		.deadline_ms = sys_now_ms() + TIMEOUT_MS,
	};
	return http_client_get(&request, ret_status, ret_body, err);
}

static void add_matches(struct list *sockets, const char *pattern)
{
	glob_t found = { 0 };
	if (glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			list_add(sockets, found.gl_pathv[i]);
	globfree(&found);
}

/* The role's default sockets, or those of all roles. */
static void find_sockets(struct list *sockets, const char *role)
{
	char pattern[128];
	(void)snprintf(pattern, sizeof(pattern), LISTEN_DIRECTORY "/%s.sock",
		       role != NULL ? role + 1 : "*");
	add_matches(sockets, pattern);
	(void)snprintf(pattern, sizeof(pattern), LISTEN_TMP_PREFIX "%s.sock",
		       role != NULL ? role + 1 : "*");
	add_matches(sockets, pattern);
}

/* Where find_sockets() found none. */
static void set_nobody(struct err *err, const char *role)
{
	const char *name = role != NULL ? role + 1 : "*";
	(void)err_set(err, 0,
		      "no running supervisor%s%s was found; there is no " LISTEN_DIRECTORY
		      "/%s.sock and no " LISTEN_TMP_PREFIX "%s.sock",
		      role != NULL ? " of " : "", role != NULL ? role : "", name, name);
}

/* A configured address is where to listen; whom to ask is this machine. */
static enum ask_result ask_port(const char *listen, const char *role, const char *path,
				unsigned *ret_status, struct buf *ret_body, struct err *err)
{
	char host[256];
	uint16_t port = 0;
	if (listen == NULL || parse_host_port(listen, host, sizeof(host), &port) < 0) {
		set_nobody(err, role);
		return ASK_NOBODY;
	}
	struct err one;
	bool any = host[0] == '\0' || streq(host, "::") || streq(host, "0.0.0.0");
	if (get(NULL, any ? "localhost" : host, port, path, ret_status, ret_body, &one) ==
	    0)
		return ASK_ANSWERED;
	set_nobody(err, role);
	struct err nobody = *err;
	(void)err_set(err, 0, "%s; port %u: %s", nobody.msg, port, one.msg);
	return ASK_NOBODY;
}

/* Those whose supervisor is dead are passed over, so that one left-over file
 * does not hide the one that lives. */
static enum ask_result ask_sockets(const struct list *sockets, const char *path,
				   unsigned *ret_status, struct buf *ret_body, struct err *err)
{
	enum ask_result result = ASK_NOBODY;
	struct buf names = { 0 };
	for (size_t i = 0; i < sockets->n; i++) {
		struct buf body = { 0 };
		unsigned status = 0;
		struct err one;
		if (get(sockets->items[i], NULL, 0, path, &status, &body, &one) < 0) {
			if (result == ASK_NOBODY) /* the message has the code's text */
				(void)err_set(err, 0, "%s: %.150s", sockets->items[i], one.msg);
		} else if (result == ASK_NOBODY) {
			result = ASK_ANSWERED;
			*ret_status = status;
			buf_add(ret_body, body.data, body.length);
		} else {
			result = ASK_USAGE;
		}
		buf_format(&names, "%s%s", i > 0 ? ", " : "", sockets->items[i]);
		buf_fini(&body);
	}
	if (result == ASK_USAGE)
		(void)err_set(err, 0, "several supervisors run (%.150s): name the role, for "
				      "instance /run", buf_text(&names));
	buf_fini(&names);
	return result;
}

static enum ask_result ask_configured(const struct config *config, const char *role,
				      const char *path, unsigned *ret_status,
				      struct buf *ret_body, struct err *err)
{
	struct list sockets = { 0 };
	const char *section = role != NULL ? role + 1 : "run";
	const char *origin = "default";
	const char *explicit_socket = config_get(config, section, "socket", &origin);
	if (explicit_socket != NULL && !streq(explicit_socket, "none"))
		list_add(&sockets, explicit_socket);
	else
		find_sockets(&sockets, role);
	enum ask_result result = ASK_NOBODY;
	if (sockets.n > 0)
		result = ask_sockets(&sockets, path, ret_status, ret_body, err);
	if (result == ASK_NOBODY && ret_body->length == 0) {
		struct err second;
		enum ask_result by_port = ask_port(config_get(config, section, "listen", NULL),
						   role, path, ret_status, ret_body, &second);
		if (by_port == ASK_ANSWERED || sockets.n == 0) {
			result = by_port;
			*err = second;
		}
	}
	list_fini(&sockets);
	return result;
}

enum ask_result ask_supervisor(const struct cmd_options *options, const char *role,
			       const char *path, unsigned *ret_status, struct buf *ret_body,
			       struct err *err)
{
	struct config config = { 0 };
	struct config_problems problems = { 0 };
	/* What is wrong with the configuration is for `check`: here only what is
	 * right of it is used, for a probe must not fail because of a typing error. */
	(void)!config_file_load(&config, options->config_path, options->environment, &problems);
	enum ask_result result =
		ask_configured(&config, role, path, ret_status, ret_body, err);
	config_problems_fini(&problems);
	config_fini(&config);
	return result;
}
