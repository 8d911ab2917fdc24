/* Are the apps programs yet, or still our children on their way there? A pipe tells: all
 * that are forked hold its end until their exec closes it. A role without a check is ready
 * only then, or it would be ready for a moment with a program that cannot be run. One pipe,
 * from boot on, serves the first start of each; nothing is opened later, so a restart counts
 * at once. */
#include "supervisor/state.h"

#include <errno.h>
#include <fcntl.h>

int supervisor_open_executed(struct supervisor *s, struct err *err)
{
	s->exec_fds[0] = s->exec_fds[1] = -1;
	if (s->settings.plain || s->plan->n_processes == 0 || supervisor_has_ready_check(s))
		return 0;
	if (pipe2(s->exec_fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set(err, errno, "create a pipe");
	return 0;
}

static void close_end(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

void supervisor_all_are_forked(struct supervisor *s)
{
	close_end(&s->exec_fds[1]);
}

void supervisor_on_executed(uv_poll_t *handle, int status ATTR_UNUSED, int events ATTR_UNUSED)
{
	struct supervisor *s = handle->loop->data;
	(void)uv_poll_stop(handle);
	close_end(&s->exec_fds[0]);
	supervisor_hear_messages(s); /* one that failed has said so before */
	supervisor_pump(s);
}

bool supervisor_is_executed(struct supervisor *s, uint16_t process)
{
	const struct child *child = supervisor_find_child(s, CHILD_PROCESS, process);
	return s->exec_fds[0] < 0 && (child == NULL || child->failed_code == 0);
}
