/* Why a program cannot be run: what a person finds out with ls, head and file. */
#include "effect/program_explain.h"

#include "base/text.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

#define HEAD_SIZE 256

/* The first bytes, and NUL behind them; their number, 0 where it cannot be read. */
static size_t read_head(const char *file, char *ret_head)
{
	CLEANUP_CLOSE int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t got = fd < 0 ? 0 : read(fd, ret_head, HEAD_SIZE - 1);
	size_t length = got > 0 ? (size_t)got : 0;
	ret_head[length] = '\0';
	return length;
}

static bool is_elf(const char *head, size_t length)
{
	return length >= sizeof(Elf32_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0;
}

bool program_is_text(const char *file)
{
	char head[HEAD_SIZE];
	size_t length = read_head(file, head);
	return length > 0 && memchr(head, '\0', length) == NULL;
}

/* As `uname -m` says it; NULL for one that no container runs on. */
static const char *elf_machine(const char *head)
{
	static const struct {
		uint16_t machine;
		const char *name;
	} machines[] = {
		{ EM_X86_64, "x86_64" }, { EM_AARCH64, "aarch64" }, { EM_386, "i386" },
		{ EM_ARM, "arm" },       { EM_PPC64, "ppc64" },     { EM_S390, "s390x" },
		{ EM_RISCV, "riscv64" },
	};
	Elf32_Ehdr header; /* its beginning is that of the 64-bit one, too */
	memcpy(&header, head, sizeof(header));
	for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
		if (header.e_machine == machines[i].machine)
			return machines[i].name;
	return NULL;
}

static void explain_unknown_format(const char *program, const char *file, struct err *err)
{
	char head[HEAD_SIZE];
	struct utsname own;
	size_t length = read_head(file, head);
	const char *machine = is_elf(head, length) ? elf_machine(head) : NULL;
	if (machine != NULL && uname(&own) == 0 && !streq(machine, own.machine))
		(void)err_set(err, 0,
			      "cannot run '%s': it was built for another machine: for %s, and this "
			      "is %s (docker build --platform)",
			      program, machine, own.machine);
	else
		(void)err_set(err, 0, "cannot run '%s': %s", program,
			      length == 0 ? "it is an empty file"
					  : "it is neither a program for this machine nor a text");
}

/* The kernel's ENOENT, and the file is there: what shall run it is not. */
static void explain_interpreter(const char *program, const char *file, struct err *err)
{
	char head[HEAD_SIZE];
	size_t length = read_head(file, head);
	if (is_elf(head, length)) {
		(void)err_set(err, 0,
			      "cannot run '%s': the loader that it was linked for is not there: it "
			      "was built for another distribution (musl or glibc)",
			      program);
		return;
	}
	if (length < 2 || memcmp(head, "#!", 2) != 0) {
		(void)err_set(err, 0, "cannot run '%s': what would run it is not there", program);
		return;
	}
	char *line = head + 2 + strspn(head + 2, " \t");
	line[strcspn(line, " \t\n")] = '\0';
	size_t end = strlen(line);
	bool from_windows = end > 0 && line[end - 1] == '\r';
	if (from_windows)
		line[end - 1] = '\0';
	text_make_printable(line);
	(void)err_set(err, 0, "cannot run '%s': its #! line asks for '%s'%s", program, line,
		      from_windows ? " and a carriage return: save the file with Unix line ends"
				   : ", which is not there");
}

/* /venv/bin/python of a stage whose Python is elsewhere, for instance. */
static void explain_link(const char *program, const char *file, struct err *err)
{
	char target[HEAD_SIZE];
	ssize_t length = readlink(file, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	text_make_printable(target);
	(void)err_set(err, 0,
		      "cannot run '%s': %s is a link to '%s', and that leads to nothing: was it "
		      "made in another image, or stage of the Dockerfile?",
		      program, file, target);
}

static void explain_refused(const char *program, const struct program_failure *failure,
			    struct err *err)
{
	const char *why =
		!failure->is_there ? "this user may not search a directory on the way to it"
		: S_ISDIR(failure->st.st_mode) ? "it is a directory"
		: (failure->st.st_mode & 0111) == 0111
			? "its mode allows it, so it is on a noexec mount, what its #! line asks "
			  "for may not be run, or a security policy forbids it"
			: "it is not an executable file for this user: chmod +x in the Dockerfile";
	(void)err_set(err, 0, "cannot run '%s': %s", program, why);
}

static bool may_be_better_soon(int code)
{
	return code == EAGAIN || code == ENOMEM || code == ETXTBSY || code == EMFILE ||
	       code == ENFILE;
}

int program_explain(const char *program, const struct program_failure *failure, struct err *err)
{
	bool in_path = strchr(program, '/') == NULL;
	int code = failure->code;
	if (program[0] == '\0') {
		(void)err_set(err, 0, "cannot run '': the name of the program is empty");
		return EXIT_CODE_NOT_FOUND;
	}
	if (may_be_better_soon(code)) {
		(void)err_set(err, code, "cannot run '%s'", program);
		return EXIT_CODE_TRY_AGAIN;
	}
	if (failure->is_there && (code == ENOENT || code == ENOTDIR)) {
		explain_interpreter(program, failure->file, err);
		return EXIT_CODE_NOT_FOUND;
	}
	if (failure->is_link) {
		explain_link(program, failure->file, err);
		return EXIT_CODE_NOT_FOUND;
	}
	if (code == 0 || code == ENOENT || code == ENOTDIR ||
	    (in_path && code == EACCES && !failure->is_there)) {
		(void)err_set(err, 0,
			      "cannot run '%s': there is no such program%s%s: check the spelling "
			      "and that the image installs it",
			      program, in_path ? " in PATH" : "",
			      code == EACCES ? ", as far as this user may search it" : "");
		return EXIT_CODE_NOT_FOUND;
	}
	if (code == EACCES)
		explain_refused(program, failure, err);
	else if (code == ENOEXEC)
		explain_unknown_format(program, failure->file, err);
	else
		(void)err_set(err, code, "cannot run '%s'", program);
	return EXIT_CODE_NOT_EXECUTABLE;
}
