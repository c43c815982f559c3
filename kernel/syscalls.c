// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls as function calls: the kernel's own implementations, found by kprobes when the
 * module is loaded. What is not in the table, or was not found, is ENOSYS: the caller goes over to
 * user space and calls there. Nothing here changes U's address space or process state: E would
 * change its own.
 */
#include <linux/errno.h>
#include <linux/kprobes.h>
#include <linux/nospec.h>
#include <linux/resume_user_mode.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <asm/cpufeature.h>
#include <asm/ioctls.h>
#include <asm/ptrace.h>
#include <asm/unistd.h>

#include "lakeplacid.h"
#include "syscalls.h"

typedef long (*implementation)(const struct pt_regs *registers);

#define CALL(name) [__NR_##name] = "__x64_sys_" #name
/* clang-format off */
static const char *const names[] = {
	CALL(read), CALL(write), CALL(close), CALL(poll), CALL(ioctl),
	CALL(pread64), CALL(pwrite64), CALL(readv), CALL(writev), CALL(fcntl),
	CALL(sendto), CALL(recvfrom), CALL(sendmsg), CALL(recvmsg), CALL(sendmmsg), CALL(recvmmsg),
	CALL(accept4), CALL(setsockopt), CALL(getsockopt),
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_ctl), CALL(clock_gettime),
	/* Not what their names would be. */
	[__NR_fstat] = "__x64_sys_newfstat", [__NR_sendfile] = "__x64_sys_sendfile64",
};
/* clang-format on */
#undef CALL

static implementation implementations[ARRAY_SIZE(names)];
static void (*run_task_work)(void);

/* f3 0f 1e fa */
#define ENDBR64 0xfa1e0ff3

/* The start of the kernel's function `name`, or NULL. */
static void *resolve(const char *name)
{
	struct kprobe probe = {.symbol_name = name};
	u8 *address;

	if (register_kprobe(&probe))
		return NULL;
	address = (u8 *)probe.addr;
	unregister_kprobe(&probe);
	/*
	 * A probe goes behind the mark for indirect branches, which an indirect call must meet. The
	 * kernel takes the mark from functions that it calls only directly: these can't be used
	 * where the processor looks for it.
	 */
	if (!((unsigned long)address & 15))
		return address;
	if (*(u32 *)(address - 4) == ENDBR64)
		return address - 4;
#ifdef X86_FEATURE_IBT
	if (boot_cpu_has(X86_FEATURE_IBT))
		return NULL;
#endif
	return address;
}

int lp_syscalls_init(void)
{
	unsigned int found = 0, i;

	run_task_work = resolve("task_work_run");
	if (!run_task_work) {
		pr_err("lakeplacid: the kernel's task_work_run can't be found (CONFIG_KPROBES)\n");
		return -ENOENT;
	}
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!names[i])
			continue;
		implementations[i] = resolve(names[i]);
		if (implementations[i])
			found++;
		else
			pr_notice("lakeplacid: %s can't be found\n", names[i]);
	}
	pr_info("lakeplacid: %u system calls found\n", found);
	return 0;
}

/* What a process does on its way to user space, where E never comes: above all, closing files. */
void lp_run_task_work(void)
{
	clear_notify_signal();
	clear_thread_flag(TIF_NOTIFY_RESUME);
	if (task_work_pending(current))
		run_task_work();
}

/* In E, outside of the section. A negative errno; those that ask for a restart too. */
long lp_syscall(unsigned long number, const unsigned long *arguments)
{
	struct pt_regs registers = {
	    .di = arguments[0],
	    .si = arguments[1],
	    .dx = arguments[2],
	    .r10 = arguments[3],
	    .r8 = arguments[4],
	    .r9 = arguments[5],
	    .orig_ax = number,
	    .ax = -ENOSYS,
	};
	long result;

	if (number >= ARRAY_SIZE(implementations))
		return -ENOSYS;
	number = array_index_nospec(number, ARRAY_SIZE(implementations));
	if (!implementations[number])
		return -ENOSYS;
	/* Others may take their caller for one that has an address space of its own. */
	if (number == __NR_ioctl && arguments[1] != FIONBIO && arguments[1] != FIONREAD)
		return -ENOSYS;
	result = implementations[number](&registers);
	lp_run_task_work();
	return result;
}

/* What the caller sees of a call that a signal interrupted: U's handler is to run in between. */
long lp_syscall_result(long result)
{
	switch (result) {
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		return -EINTR;
	}
	return result;
}
