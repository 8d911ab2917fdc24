/* One value against its key's type: right, or what to write instead. A value is
 * shown in a message only when it cannot be a secret that slipped into the
 * wrong line. */
#include "pure/config_internal.h"

#include "base/mem.h"
#include "base/parse.h"
#include "pure/check_spec.h"
#include "pure/command.h"
#include "pure/conninfo.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <stdio.h>

#define SHOWN_MAX  32
#define UINT_LIMIT 1000000UL

/* "'5x' is not", or "this is not" for what may be a URL or a password. */
static const char *shown(const char *value, char *buffer)
{
	bool plain = strlen(value) < SHOWN_MAX && strpbrk(value, "@/:$") == NULL;
	(void)snprintf(buffer, SHOWN_MAX + 2, plain ? "'%s'" : "this", value);
	return buffer;
}

static bool is_choice(const char *choices, const char *word)
{
	size_t length = strlen(word);
	if (choices == NULL || length == 0)
		return false;
	for (const char *p = choices; (p = strstr(p, word)) != NULL; p += length)
		if ((p == choices || p[-1] == ' ') && (p[length] == ' ' || p[length] == '\0'))
			return true;
	return false;
}

static int check_choice(const struct config_key *key, const char *value, struct err *err)
{
	char buffer[SHOWN_MAX + 2];
	struct buf list = { 0 };
	if (is_choice(key->choices, value) && strchr(value, ' ') == NULL)
		return 0;
	for (const char *p = key->choices; *p != '\0'; p++) {
		if (*p == ' ')
			buf_add_text(&list, strchr(p + 1, ' ') != NULL ? ", " : " or ");
		else
			buf_add_char(&list, *p);
	}
	(void)err_set(err, 0, "%s is not %s", shown(value, buffer), buf_text(&list));
	buf_fini(&list);
	return -1;
}

static int check_duration(const struct config_key *key, const char *value, struct err *err)
{
	char buffer[SHOWN_MAX + 2];
	bool none = is_choice(key->choices, "none");
	int64_t ms = 0;
	if (parse_duration_ms(value, &ms) < 0 || (ms == DURATION_NONE && !none))
		return err_set(err, 0,
			       "%s is not a length of time: write a number and its unit, such as "
			       "500ms, 10s, 5m or 1h%s",
			       shown(value, buffer), none ? ", or none" : "");
	if (ms >= 0 && ms < (int64_t)key->min)
		return err_set(err, 0, "must be longer than 0s");
	return 0;
}

static int check_uint(const struct config_key *key, const char *value, struct err *err)
{
	char buffer[SHOWN_MAX + 2];
	bool none = is_choice(key->choices, "none");
	unsigned long number = 0;
	if (none && streq(value, "none"))
		return 0;
	if (parse_uint(value, UINT_LIMIT, &number) < 0 || number < key->min)
		return err_set(err, 0, "%s is not a number from %lu to %lu%s", shown(value, buffer),
			       key->min, UINT_LIMIT, none ? ", or none" : "");
	return 0;
}

static int check_signal(const struct config_key *key, const char *value, struct err *err)
{
	char buffer[SHOWN_MAX + 2];
	bool none = is_choice(key->choices, "none");
	int signo = 0;
	bool parsed = (none && streq(value, "none")) || parse_signal(value, &signo) == 0;
	if (streq(key->name, "stop-signal") && signo == SIGKILL)
		return err_set(err, 0,
			       "KILL comes by itself at the end of stop-grace: to have it "
			       "at once write stop-grace = 0s");
	if (streq(key->name, "stop-signal") && signo == SIGSTOP)
		return err_set(err, 0, "STOP ends nothing: write TERM, INT or QUIT");
	if (parsed)
		return 0;
	return err_set(err, 0,
		       "%s is not a signal: write its name, such as TERM, QUIT or RTMIN+3%s",
		       shown(value, buffer), none ? ", or none" : "");
}

static int check_listen(const char *value, struct err *err)
{
	char host[256];
	uint16_t port;
	struct in6_addr address;
	if (streq(value, "none"))
		return 0;
	if (parse_host_port(value, host, sizeof(host), &port) < 0)
		return err_set(err, 0,
			       "this is not an address: write HOST:PORT, such as [::]:9480 or "
			       "127.0.0.1:9480, a port alone, or none");
	if (host[0] != '\0' && !streq(host, "localhost") &&
	    inet_pton(AF_INET6, host, &address) != 1 && inet_pton(AF_INET, host, &address) != 1)
		return err_set(err, 0,
			       "the host is not an address, and names are not resolved here: write "
			       "an address, such as [::]:9480 or 127.0.0.1:9480, or localhost");
	return 0;
}

/* Another engine's is no mistake: the app may well have such a database. */
static int check_url(const char *value, struct err *err)
{
	struct conninfo conninfo;
	if (strstr(value, "${") != NULL)
		return 0;
	enum conninfo_kind kind = conninfo_parse_url(&conninfo, value, err);
	conninfo_fini(&conninfo);
	return kind == CONNINFO_INVALID ? -1 : 0;
}

static int check_path(const struct config_key *key, const char *value, struct err *err)
{
	bool none = is_choice(key->choices, "none");
	if (value[0] == '/' || (none && streq(value, "none")))
		return 0;
	return err_set(err, 0, "this is not an absolute path: it must start with a slash%s",
		       none ? ", or be none" : "");
}

static int check_codes(const char *value, struct err *err)
{
	char buffer[SHOWN_MAX + 2], word[8];
	while (*value != '\0') {
		unsigned long code = 0;
		size_t length = strcspn(value, " \t");
		(void)snprintf(word, sizeof(word), "%.*s", (int)length, value);
		if (length >= sizeof(word) || parse_uint(word, 255, &code) < 0)
			return err_set(
				err, 0,
				"%s is not a list of exit codes: write numbers from 0 to 255 "
				"with blanks between, such as 3 143",
				shown(value, buffer));
		value += length;
		value += strspn(value, " \t");
	}
	return 0;
}

static int check_check(const struct config_key *key, const char *value, struct err *err)
{
	struct check_spec spec;
	if (streq(value, "none") && is_choice(key->choices, "none"))
		return 0;
	enum check_use use = CHECK_FOR_WAIT;
	if (streq(key->name, "ready"))
		use = CHECK_FOR_READY;
	else if (streq(key->name, "live"))
		use = CHECK_FOR_LIVE;
	int result = check_spec_parse(value, use, &spec, err);
	explicit_bzero(&spec, sizeof(spec));
	return result;
}

/* Every variable is set: only the form is asked for. */
static const char *any_variable(const char *name, const void *context)
{
	(void)name;
	(void)context;
	return "x";
}

static int check_text_with_variables(const char *value, struct err *err)
{
	CLEANUP_FREE char *text = NULL;
	return command_expand_text(value, any_variable, NULL, &text, err);
}

bool config_is_variable_name(const char *name)
{
	if (!isalpha((unsigned char)name[0]) && name[0] != '_')
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && *p != '_')
			return false;
	return true;
}

static int check_scalar(const struct config_key *key, const char *value, struct err *err)
{
	char buffer[SHOWN_MAX + 2];
	bool flag;
	mode_t mode;
	if (key->type == CONFIG_BOOL && parse_bool(value, &flag) < 0)
		return err_set(err, 0, "%s is not yes or no", shown(value, buffer));
	if (key->type == CONFIG_OCTAL && parse_octal(value, 0777, &mode) < 0)
		return err_set(err, 0, "%s is not an octal number from 000 to 777, such as 027",
			       shown(value, buffer));
	if (key->type == CONFIG_VARIABLE && !config_is_variable_name(value))
		return err_set(err, 0,
			       "%s is not the name of an environment variable: one name, of "
			       "letters, digits and _",
			       shown(value, buffer));
	return 0;
}

int config_value_check(const struct config_key *key, const char *value, struct err *err)
{
	if (value[0] == '\0' && key->type != CONFIG_VALUE)
		return err_set(err, 0, "the value is empty: write one, or remove the line");
	switch (key->type) {
	case CONFIG_URL:
		return check_url(value, err);
	case CONFIG_TEXT:
	case CONFIG_COMMAND: /* read by config_validate(), which knows whether a shell reads it */
		return 0;
	case CONFIG_DURATION:
		return check_duration(key, value, err);
	case CONFIG_UINT:
		return check_uint(key, value, err);
	case CONFIG_SIGNAL:
		return check_signal(key, value, err);
	case CONFIG_CHOICE:
		return check_choice(key, value, err);
	case CONFIG_LISTEN:
		return check_listen(value, err);
	case CONFIG_CHECK:
		return check_check(key, value, err);
	case CONFIG_PATH:
		return check_path(key, value, err);
	case CONFIG_CODES:
		return check_codes(value, err);
	case CONFIG_VALUE:
		return check_text_with_variables(value, err);
	case CONFIG_BOOL:
	case CONFIG_OCTAL:
	case CONFIG_VARIABLE:
		return check_scalar(key, value, err);
	}
	return 0;
}

/* Commands and checks read their quotes themselves. Everywhere else quotes
 * around the whole value are what people write from habit; they also keep outer
 * blanks and " ;". Single quotes keep dollars, too. */
char *config_value_unquote(const struct config_key *key, const char *value)
{
	size_t length = strlen(value);
	char quote = value[0];
	if (key->type == CONFIG_COMMAND || key->type == CONFIG_CHECK || length < 2 ||
	    (quote != '"' && quote != '\'') || strchr(value + 1, quote) != value + length - 1)
		return mem_dup(value);
	if (quote == '"' || key->type != CONFIG_VALUE)
		return mem_dup_n(value + 1, length - 2);
	struct buf text = { 0 };
	for (const char *p = value + 1; p < value + length - 1; p++) {
		if (*p == '$')
			buf_add_char(&text, '\\');
		buf_add_char(&text, *p);
	}
	return buf_take(&text);
}
