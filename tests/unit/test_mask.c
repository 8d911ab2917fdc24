/* Masking: no secret gets through, and what is none stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pure/mask.h"

static void assert_masked(const char *text, const char *expected)
{
	char *masked = mask_text(text);
	assert_string_equal(masked, expected);
	free(masked);
}

static void urls(void **state ATTR_UNUSED)
{
	assert_masked("postgresql://shop:hunter2@db/shop", "postgresql://shop:***@db/shop");
	assert_masked("postgres://shop:p/w@x?y@db:5432/shop", "postgres://shop:***@db:5432/shop");
	assert_masked("wait redis://:hunter2@broker:6379/0 now", "wait redis://:***@broker:6379/0 now");
	assert_masked("postgresql://db/shop?user=a&password=b&sslmode=require",
		      "postgresql://db/shop?user=a&password=***&sslmode=require");
	assert_masked("postgresql://shop@db/shop", "postgresql://shop@db/shop");
	assert_masked("http://localhost:8000/a@b", "http://localhost:8000/a@b");
	assert_masked("https://abcdef@sentry.example/1", "https://***@sentry.example/1");
	assert_masked("postgresql://${U}:${P}@db/x", "postgresql://${U}:${P}@db/x");
}

static void names(void **state ATTR_UNUSED)
{
	assert_masked("app --password hunter2 --port 80", "app --password *** --port 80");
	assert_masked("app --db-password=hunter2 x", "app --db-password=*** x");
	assert_masked("app --password='a b' x", "app --password=*** x");
	assert_masked("env PGPASSWORD=x API_KEY=\"y z\" app", "env PGPASSWORD=*** API_KEY=*** app");
	assert_masked("app --token ${TOKEN} --secret=$S", "app --token ${TOKEN} --secret=$S");
	assert_masked("app --token ${TOKEN:-abc}", "app --token ***");
	assert_masked("app --password --port 80", "app --password --port 80");
	assert_masked("app --password-file /run/x", "app --password-file /run/x");
	assert_masked("a monkey = b", "a monkey = b");
	assert_masked("gunicorn mysite.wsgi --bind [::]:${PORT:-8000}",
		      "gunicorn mysite.wsgi --bind [::]:${PORT:-8000}");
	assert_masked("", "");
	assert_masked("=", "=");
	assert_masked("token=", "token=");
	assert_masked("token=\"open", "token=***");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(urls), cmocka_unit_test(names) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
