/* `pidone install`, with this test program as the one that copies itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "capture.h"
#include "cmd/cmd.h"
#include "temp_dir.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#define TEXT(literal) ((char *)(uintptr_t)(literal))
#define ARGS(...) ((char *[]){ __VA_ARGS__, NULL })

static void assert_install(char *const *args, int code, const char *out, const char *err)
{
	char *environment[] = { NULL };
	struct cmd_options options = { .environment = environment, .args = args };
	struct capture capture;
	capture_begin(&capture);
	int got = cmd_install(&options);
	capture_end(&capture);
	if (err != NULL)
		assert_string_equal(capture.err, err);
	assert_string_equal(capture.out, out);
	assert_int_equal(got, code);
	capture_free(&capture);
}

static void assert_is_copy(const char *path)
{
	struct stat st, self;
	char command[8192], exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	assert_true(n > 0);
	exe[n] = '\0';
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(stat(exe, &self), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755);
	assert_int_equal(st.st_size, self.st_size);
	(void)snprintf(command, sizeof(command), "cmp -s '%s' '%s'", exe, path);
	assert_int_equal(system(command), 0);
}

static int count_files(const char *path)
{
	DIR *directory = opendir(path);
	int n = 0;
	assert_non_null(directory);
	for (const struct dirent *item; (item = readdir(directory)) != NULL;)
		n += item->d_name[0] != '.';
	(void)closedir(directory);
	return n;
}

static void to_a_file(void **state ATTR_UNUSED)
{
	mode_t before = umask(0077); /* which must not count */
	assert_install(ARGS(TEXT("copy")), 0, "installed copy\n", "");
	assert_is_copy("copy");
	assert_install(ARGS(TEXT("copy")), 0, "copy is up to date\n", "");
	assert_int_equal(chmod("copy", 0600), 0);
	assert_install(ARGS(TEXT("copy")), 0, "installed copy\n", "");
	assert_is_copy("copy");
	(void)umask(before);
}

static void to_a_directory(void **state ATTR_UNUSED)
{
	assert_int_equal(mkdir("bin", 0755), 0);
	assert_install(ARGS(TEXT("bin")), 0, "installed bin/pidone\n", "");
	assert_is_copy("bin/pidone");
	assert_install(ARGS(TEXT("bin/")), 0, "bin/pidone is up to date\n", "");
	assert_int_equal(count_files("bin"), 1);
}

static void replaces_what_is_there(void **state ATTR_UNUSED)
{
	struct stat before, after;
	temp_dir_write("bin/pidone", "\177ELF, older", 0755);
	assert_int_equal(stat("bin/pidone", &before), 0);
	int fd = open("bin/pidone", O_RDONLY | O_CLOEXEC);
	assert_install(ARGS(TEXT("bin")), 0, "installed bin/pidone\n", "");
	char old[12] = "";
	assert_int_equal(read(fd, old, 11), 11); /* who runs the old one keeps it */
	assert_string_equal(old, "\177ELF, older");
	(void)close(fd);
	assert_int_equal(stat("bin/pidone", &after), 0);
	assert_int_not_equal(before.st_ino, after.st_ino);
	assert_int_equal(count_files("bin"), 1);
	temp_dir_write("empty", "", 0600); /* made to hold it */
	assert_install(ARGS(TEXT("empty")), 0, "installed empty\n", "");
	assert_is_copy("empty");
}

static void assert_refused(const char *path, const char *reason)
{
	struct stat before, after;
	char message[8192];
	(void)snprintf(message, sizeof(message), "pidone: error: install: '%s' %s\n", path, reason);
	assert_int_equal(lstat(path, &before), 0);
	assert_install(ARGS(TEXT(path)), 64, "", message);
	assert_int_equal(lstat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mode, after.st_mode);
	assert_int_equal(before.st_size, after.st_size);
}

static void destroys_nothing(void **state ATTR_UNUSED)
{
	static const char no_program[] =
		"is there and is not a program: name another path, or remove it first";
	static const char not_regular[] = "is not a regular file: name another path";
	char cwd[4096], reason[8192];
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	temp_dir_write("text", "not touched", 0644);
	temp_dir_write("short", "x", 0644);
	assert_refused("text", no_program);
	assert_refused("short", no_program);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_refused("fifo", not_regular);
	assert_refused("/dev/null", not_regular);
	temp_dir_write("real/program", "\177ELF, older", 0755);
	assert_int_equal(symlink("real/program", "link"), 0);
	(void)snprintf(reason, sizeof(reason),
		       "is a symbolic link to '%s/real/program': name that path, or remove the "
		       "link",
		       cwd);
	assert_refused("link", reason);
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_refused("dangling", "is a symbolic link to 'nowhere': name that path, or remove the "
				   "link");
	assert_int_equal(symlink("real", "directory"), 0); /* as /var/run is */
	assert_install(ARGS(TEXT("directory")), 0, "installed directory/pidone\n", "");
	assert_int_equal(mkdir("real/in", 0755), 0);
	assert_int_equal(symlink("../../text", "real/in/pidone"), 0);
	assert_install(ARGS(TEXT("real/in")), 64, "", NULL);
	assert_int_equal(count_files("real"), 3);
}

static void mistakes(void **state ATTR_UNUSED)
{
	static const char usage[] = "pidone: error: usage: pidone install PATH\n";
	assert_install((char *[]){ NULL }, 64, "", usage);
	assert_install(ARGS(TEXT("a"), TEXT("b")), 64, "", usage);
	assert_install(ARGS(TEXT("")), 64, "", usage);
	assert_install(ARGS(TEXT("--force")), 64, "", usage);
	assert_install(ARGS(TEXT("-")), 64, "", usage);
	assert_install(ARGS(TEXT("--help")), 0, "usage: pidone install PATH\n", "");
	assert_install(ARGS(TEXT("no/such")), 64, "",
		       "pidone: error: install: create a file beside 'no/such': No such file or "
		       "directory; its directory must be there: is the volume mounted?\n");
	assert_install(ARGS(TEXT("no/")), 64, "",
		       "pidone: error: install: no directory 'no/'; its directory must be there: is "
		       "the volume mounted?\n");
	temp_dir_write("file", "", 0644);
	assert_install(ARGS(TEXT("file/x")), 64, "",
		       "pidone: error: install: create a file beside 'file/x': Not a directory; its "
		       "directory must be there: is the volume mounted?\n");
	assert_int_equal(count_files("."), 1);
}

/* /dev/full's like for a file: a size limit makes the copy fail half-way. */
static void no_room(void **state ATTR_UNUSED)
{
	struct rlimit limit, small;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	small = limit;
	small.rlim_cur = 8192;
	void (*before)(int) = signal(SIGXFSZ, SIG_IGN);
	char *environment[] = { NULL };
	struct cmd_options options = { .environment = environment, .args = ARGS(TEXT("copy")) };
	struct capture capture;
	capture_begin(&capture);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int code = cmd_install(&options);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	capture_end(&capture);
	(void)signal(SIGXFSZ, before);
	assert_int_equal(code, 78);
	assert_non_null(strstr(capture.err, "File too large"));
	capture_free(&capture);
	assert_int_equal(count_files("."), 0); /* nothing half is left */
}

static int setup(void **state)
{
	static struct temp_dir dir;
	temp_dir_enter(&dir);
	*state = &dir;
	return 0;
}

static int teardown(void **state)
{
	temp_dir_leave(*state);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(to_a_file),        CASE(to_a_directory), CASE(replaces_what_is_there),
		CASE(destroys_nothing), CASE(mistakes),       CASE(no_room),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
