// SPDX-License-Identifier: GPL-2.0-only
/*
 * System calls as function calls: the kernel's own implementations, found by kprobes when the
 * module is loaded. What is not in the table, or was not found, is ENOSYS: the caller goes over to
 * user space and calls there. Nothing here changes U's address space or process state, or asks for
 * it: E would change its own. That is why futexes are not here, whose waiters are found by their
 * address space.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/magic.h>
#include <linux/math64.h>
#include <linux/namei.h>
#include <linux/nospec.h>
#include <linux/path.h>
#include <linux/poll.h>
#include <linux/resume_user_mode.h>
#include <linux/sched/signal.h>
#include <linux/socket.h>
#include <linux/tcp.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
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
	CALL(getsockname), CALL(getpeername), CALL(shutdown),
	CALL(epoll_wait), CALL(epoll_pwait), CALL(epoll_ctl), CALL(select),
	CALL(clock_gettime), CALL(gettimeofday), CALL(time),
	CALL(openat), CALL(newfstatat), CALL(lseek), CALL(getrandom),
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

/*
 * Whether a name means to E what it means to U: below /proc it may depend on who asks. To open it
 * is to change nothing but in a file: what pipes and devices do then depends on who opens, or
 * waits.
 */
static bool is_name_for_e(int directory, const char __user *name, bool opens)
{
	static const char proc[] = {'/', 'p', 'r', 'o', 'c'};
	char start[sizeof(proc)];
	struct path path;
	umode_t mode;
	bool is;

	if (strncpy_from_user(start, name, sizeof(start)) == sizeof(start) &&
	    !memcmp(start, proc, sizeof(proc)))
		return false;
	/* What can't be found is to be made, or is an error to both. */
	if (user_path_at(directory, name, LOOKUP_FOLLOW, &path))
		return true;
	mode = d_inode(path.dentry)->i_mode;
	is = path.dentry->d_sb->s_magic != PROC_SUPER_MAGIC &&
	     (!opens || S_ISREG(mode) || S_ISDIR(mode));
	path_put(&path);
	return is;
}

/* Whether E can make a call that is in the table, with these arguments. */
static bool is_for_e(unsigned long number, const unsigned long *arguments)
{
	switch (number) {
	case __NR_ioctl:
		/* Others may take their caller for one that has an address space of its own. */
		return arguments[1] == FIONBIO || arguments[1] == FIONREAD;
	case __NR_fcntl:
		/* Others ask who their caller is: owners of locks, of leases, of signals. */
		switch (arguments[1]) {
		case F_DUPFD:
		case F_DUPFD_CLOEXEC:
		case F_GETFD:
		case F_SETFD:
		case F_GETFL:
		case F_SETFL:
			return true;
		}
		return false;
	case __NR_epoll_pwait:
		/* A mask is for U's signals. */
		return !arguments[4];
	case __NR_sendto:
		/* Pages of U's that the kernel is to keep: the mirror's can't be held. */
		return !(arguments[3] & MSG_ZEROCOPY);
	case __NR_sendmsg:
		return !(arguments[2] & MSG_ZEROCOPY);
	case __NR_sendmmsg:
		return !(arguments[3] & MSG_ZEROCOPY);
	case __NR_openat:
		return is_name_for_e(arguments[0], (const char __user *)arguments[1], true);
	case __NR_newfstatat:
		return is_name_for_e(arguments[0], (const char __user *)arguments[1], false);
	case __NR_getsockopt:
		return arguments[1] != SOL_TCP || arguments[2] != TCP_ZEROCOPY_RECEIVE;
	}
	return true;
}

/*
 * What goes between a file and pages of the caller's without a copy (O_DIRECT) can't have the
 * mirror's. Nothing was moved then, so U can make the call again, and sees what it would see.
 */
static bool is_us_to_repeat(unsigned long number, const unsigned long *arguments)
{
	struct file *file;
	bool direct;

	switch (number) {
	case __NR_read:
	case __NR_write:
	case __NR_readv:
	case __NR_writev:
	case __NR_pread64:
	case __NR_pwrite64:
		file = fget(arguments[0]);
		direct = file && file->f_flags & O_DIRECT;
		if (file)
			fput(file);
		return direct;
	}
	return false;
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
	if (!is_for_e(number, arguments))
		return -ENOSYS;
	result = implementations[number](&registers);
	if (result == -EFAULT && is_us_to_repeat(number, arguments))
		result = -ENOSYS;
	lp_run_task_work();
	return result;
}

/* Whether a call is one that may wait for a descriptor to have something to read. */
static bool may_wait(unsigned long number, const unsigned long *arguments)
{
	switch (number) {
	case __NR_read:
	case __NR_readv:
	case __NR_accept4:
		return true;
	case __NR_recvfrom:
	case __NR_recvmmsg:
		return !(arguments[3] & MSG_DONTWAIT);
	case __NR_recvmsg:
		return !(arguments[2] & MSG_DONTWAIT);
	case __NR_epoll_wait:
	case __NR_epoll_pwait:
		return arguments[3] != 0;
	}
	return false;
}

static bool is_epoll(unsigned long number)
{
	return number == __NR_epoll_wait || number == __NR_epoll_pwait;
}

/*
 * Before a call that may wait: give it this long to have no need to, which saves the wake-up. Not
 * for those whose caller would not wait; and what it takes is not waited for again.
 */
void lp_syscall_spin(unsigned long number, unsigned long *arguments, u32 microseconds)
{
	u64 most = (u64)microseconds * NSEC_PER_USEC, from, spent;
	struct file *file;
	int limit;

	if (!microseconds || !may_wait(number, arguments))
		return;
	file = fget(arguments[0]);
	if (!file)
		return;
	limit = is_epoll(number) ? (int)arguments[3] : -1;
	if (limit > 0)
		most = min_t(u64, most, (u64)limit * NSEC_PER_MSEC);
	if (!is_epoll(number) && file->f_flags & O_NONBLOCK)
		most = 0;
	from = ktime_get_ns();
	for (spent = 0; spent < most; spent = ktime_get_ns() - from) {
		if (vfs_poll(file, NULL) & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP) ||
		    signal_pending(current))
			break;
		cpu_relax();
		cond_resched();
	}
	if (limit > 0)
		arguments[3] = limit - min_t(u64, limit, div_u64(spent, NSEC_PER_MSEC));
	fput(file);
	lp_run_task_work();
}

/*
 * Signals that a call has sent to its caller are U's: E blocks them. False: U has none to handle.
 */
bool lp_syscall_signals(struct task_struct *user)
{
	sigset_t others, blocked = current->blocked;
	int number;

	if (!sigismember(&current->pending.signal, SIGPIPE) &&
	    !sigismember(&current->pending.signal, SIGXFSZ))
		return false;
	siginitsetinv(&others, sigmask(SIGPIPE) | sigmask(SIGXFSZ) | sigmask(SIGKILL));
	sigprocmask(SIG_SETMASK, &others, NULL);
	while (!fatal_signal_pending(current)) {
		number = kernel_dequeue_signal();
		if (!number)
			break;
		send_sig(number, user, 0);
	}
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	return signal_pending(user);
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
