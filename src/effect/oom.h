/* Was that SIGKILL the kernel's, for want of memory? The counter of the control
 * group is opened at boot and read again when a process was killed. */
#pragma once

#include "base/base.h"

/* At boot; opens at most one descriptor. Without a memory controller nothing is
 * ever told. */
void oom_open(void);
/* Has the kernel killed somebody here since this was asked last? Opens and
 * allocates nothing. */
bool oom_happened(void);
/* "512 MiB": the limit at boot, or "" where there is none; static. */
const char *oom_limit(void);
