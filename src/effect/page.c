/* A sequence lock over anonymous shared memory: one writer that never waits. */
#include "effect/page.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

struct page *page_new(struct err *err)
{
	struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		(void)err_set(err, errno, "map the shared page");
		return NULL;
	}
	return page;
}

void page_free(struct page *take_page)
{
	(void)munmap(take_page, sizeof(*take_page));
}

struct page_content *page_write_begin(struct page *page)
{
	uint32_t sequence = atomic_load_explicit(&page->sequence, memory_order_relaxed);
	atomic_store_explicit(&page->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	return &page->content;
}

void page_write_end(struct page *page)
{
	uint32_t sequence = atomic_load_explicit(&page->sequence, memory_order_relaxed);
	atomic_store_explicit(&page->sequence, sequence + 1, memory_order_release);
}

/* A writer that a busy machine has taken the CPU from gets it back within some
 * scheduler's slices; giving it ours is not enough while others want it, too. */
#define YIELDS   100
#define SLEEPS   200
#define SLEEP_NS 1000000

bool page_read(const struct page *page, struct page_content *ret)
{
	static const struct timespec pause = { .tv_nsec = SLEEP_NS };
	for (int tries = 0; tries < YIELDS + SLEEPS; tries++) {
		uint32_t before = atomic_load_explicit(&page->sequence, memory_order_acquire);
		if (before % 2 == 0) {
			memcpy(ret, &page->content, sizeof(*ret));
			atomic_thread_fence(memory_order_acquire);
			if (atomic_load_explicit(&page->sequence, memory_order_relaxed) == before)
				return true;
		}
		if (tries < YIELDS)
			(void)sched_yield();
		else
			(void)nanosleep(&pause, NULL);
	}
	return false;
}
