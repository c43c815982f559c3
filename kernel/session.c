// SPDX-License-Identifier: GPL-2.0-only
/* A session: U, E, and who of them is to do what. */
#include <linux/cred.h>
#include <linux/fdtable.h>
#include <linux/hashtable.h>
#include <linux/pid.h>
#include <linux/resource.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "application.h"
#include "crossing.h"
#include "mirror.h"
#include "run.h"
#include "session.h"
#include "syscalls.h"

/* What interrupts E's system calls. It has no meaning for others in a process like E. */
#define NUDGE SIGRTMAX

/*
 *	NEW -> ATTACHED -> STARTING -> IDLE -> QUEUED -> RUNNING -> DONE -> IDLE ...
 *	any of them -> ENDING (E is told to die) -> ENDED (E is not there, or no more)
 *
 * All under session->lock. U moves on from NEW, IDLE, DONE; E from ATTACHED, STARTING, QUEUED,
 * RUNNING, ENDING; anybody to ENDING.
 */
enum stage { NEW, ATTACHED, STARTING, IDLE, QUEUED, RUNNING, DONE, ENDING, ENDED };

/* What an application's module knows of E. */
struct lp_body {
	struct lp_run_state run;
};

enum task { CALL, RUN };

struct lp_session {
	spinlock_t lock;
	enum stage stage;
	struct task_struct *user; /* U; set once */
	struct task_struct *body; /* E; set once */
	struct lp_application *application;
	const struct cred *cred; /* U's at the last call; changed only while E is idle */
	struct hlist_node link;
	wait_queue_head_t to_user;
	wait_queue_head_t to_body;
	enum task work;
	bool closed; /* to end once a RUN is over */
	struct lp_call call;
	int error;
	u64 calls;
	u64 excursions;
	struct lp_body state; /* E's own */
	struct lp_mirror mirror;
};

/* Sessions by their U. Taken before a session's lock. */
static DEFINE_HASHTABLE(sessions, 6);
static DEFINE_SPINLOCK(sessions_lock);

static struct lp_session *find(const struct task_struct *user)
{
	struct lp_session *session;

	lockdep_assert_held(&sessions_lock);
	hash_for_each_possible(sessions, session, link, (unsigned long)user) {
		if (session->user == user)
			return session;
	}
	return NULL;
}

/* What stage it is in, for conditions of waits. */
static enum stage stage_of(struct lp_session *session)
{
	return smp_load_acquire(&session->stage);
}

static void set_stage(struct lp_session *session, enum stage stage)
{
	lockdep_assert_held(&session->lock);
	smp_store_release(&session->stage, stage);
}

struct lp_session *lp_session_open(struct file *file)
{
	struct lp_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);

	if (!session)
		return NULL;
	spin_lock_init(&session->lock);
	init_waitqueue_head(&session->to_user);
	init_waitqueue_head(&session->to_body);
	lp_mirror_prepare(&session->mirror, file);
	return session;
}

/* Have E die, if there is one. From any context that may take a spin lock. */
static void end(struct lp_session *session)
{
	spin_lock(&session->lock);
	if (session->stage != ENDED) {
		set_stage(session, session->body ? ENDING : ENDED);
		if (session->body)
			send_sig(SIGKILL, session->body, 1);
	}
	spin_unlock(&session->lock);
	wake_up_all(&session->to_user);
}

static void user_memory_gone(struct lp_mirror *mirror)
{
	end(container_of(mirror, struct lp_session, mirror));
}

static bool has_work(const struct lp_session *session)
{
	return session->stage == QUEUED || session->stage == RUNNING;
}

/* Have E stop where U can go on, soon. */
static void nudge(struct lp_session *session)
{
	lockdep_assert_held(&session->lock);
	WRITE_ONCE(session->state.run.nudged, true);
	send_sig(NUDGE, session->body, 1);
}

/*
 * A descriptor was closed. U's process closes it for good; a child's copy does not count. A RUN has
 * U's state, and gives it back first.
 */
void lp_session_flush(struct lp_session *session)
{
	bool runs;

	if (!session->user || current->mm != session->mirror.mm)
		return;
	spin_lock(&session->lock);
	runs = session->work == RUN && (has_work(session) || session->stage == DONE);
	if (runs)
		session->closed = true;
	if (runs && has_work(session))
		nudge(session);
	spin_unlock(&session->lock);
	if (!runs)
		end(session);
}

/* What an application's sessions have counted, those that are over too, and how many there are. */
void lp_session_sum(struct lp_application *application, struct lp_run_counters *sum,
		    unsigned int *count)
{
	struct lp_session *session;
	int bucket;

	*count = 0;
	spin_lock(&sessions_lock);
	*sum = application->ended;
	hash_for_each(sessions, bucket, session, link) {
		if (session->application != application)
			continue;
		lp_run_count(sum, &session->state.run);
		++*count;
	}
	spin_unlock(&sessions_lock);
}

/* Its U may have another by now; what it has counted stays. */
static void forget(struct lp_session *session)
{
	lockdep_assert_held(&sessions_lock);
	if (!hash_hashed(&session->link))
		return;
	hash_del(&session->link);
	lp_run_count(&session->application->ended, &session->state.run);
}

/* The descriptor, E and its area are all gone. */
void lp_session_release(struct lp_session *session)
{
	spin_lock(&sessions_lock);
	forget(session);
	spin_unlock(&sessions_lock);
	lp_mirror_release(&session->mirror);
	if (session->application)
		lp_application_put(session->application);
	if (session->cred)
		put_cred(session->cred);
	if (session->body)
		put_task_struct(session->body);
	if (session->user)
		put_task_struct(session->user);
	kfree(session);
}

/* Only E maps the file, once, in its ENTER. */
int lp_session_mmap(struct lp_session *session, struct vm_area_struct *vma)
{
	if (stage_of(session) != STARTING || session->body != current ||
	    vma->vm_start != LP_MIRROR_START || vma->vm_end != LP_MIRROR_END ||
	    vma->vm_pgoff != LP_MIRROR_START >> PAGE_SHIFT || !(vma->vm_flags & VM_SHARED))
		return -EPERM;
	lp_mirror_area(&session->mirror, vma);
	return 0;
}

/* Whether `task` is the session's U, whose calls all but two are. */
bool lp_session_is_user(struct lp_session *session, const struct task_struct *task)
{
	return READ_ONCE(session->user) == task && stage_of(session) > NEW;
}

/* Wait until E has let go of all that it shared with U, whoever is to reap it. */
static int wait_for_exit(struct task_struct *body)
{
	struct pid *pid = get_task_pid(body, PIDTYPE_PID);
	int error;

	/* There is none any more once it is reaped. */
	if (!pid)
		return 0;
	error = wait_event_killable(pid->wait_pidfd, READ_ONCE(body->exit_state));
	put_pid(pid);
	return error;
}

/* The E of a session that the caller has closed, if it is still on its way out. */
static struct task_struct *ending_body(void)
{
	struct task_struct *body = NULL;
	struct lp_session *session;

	spin_lock(&sessions_lock);
	session = find(current);
	if (session) {
		spin_lock(&session->lock);
		if (session->stage >= ENDING && session->body)
			body = get_task_struct(session->body);
		spin_unlock(&session->lock);
	}
	spin_unlock(&sessions_lock);
	return body;
}

static int claim(struct lp_session *session, struct lp_application *application)
{
	struct task_struct *ending = ending_body();
	struct lp_session *other;
	int error = 0;

	if (ending) {
		error = wait_for_exit(ending);
		put_task_struct(ending);
		if (error)
			return error;
	}
	spin_lock(&sessions_lock);
	other = find(current);
	/* A child's copy of the file may keep it for long. */
	if (other && stage_of(other) == ENDED) {
		forget(other);
		other = NULL;
	}
	spin_lock(&session->lock);
	if (session->stage != NEW || session->user || other) {
		error = -EBUSY;
	} else {
		session->user = get_task_struct(current);
		session->application = application;
		hash_add(sessions, &session->link, (unsigned long)current);
	}
	spin_unlock(&session->lock);
	spin_unlock(&sessions_lock);
	return error;
}

/* U's first call. On -ESTALE, attach->build_id is the one that is loaded. */
int lp_session_attach(struct lp_session *session, struct lp_attach *attach)
{
	struct lp_application *application;
	int error;

	application = lp_application_get(attach->name, attach->build_id);
	if (IS_ERR(application))
		return PTR_ERR(application);
	error = claim(session, application);
	if (error) {
		lp_application_put(application);
		return error;
	}
	error = lp_mirror_watch(&session->mirror, current->mm, user_memory_gone);
	spin_lock(&session->lock);
	/* A file that could not be attached is of no use any more. */
	if (session->stage == NEW)
		set_stage(session, error ? ENDED : ATTACHED);
	spin_unlock(&session->lock);
	return error;
}

/*
 * Whether the task was made for U's session to become E, or to make E: by U itself, or by a child
 * of U's that has U's memory, as vfork() makes one. The latter is gone soon, and E is no child of
 * U's then. Under RCU's lock.
 */
static bool made_by_user(const struct lp_session *session, const struct task_struct *task)
{
	const struct task_struct *parent = rcu_dereference(task->real_parent);

	if (parent == session->user)
		return true;
	return READ_ONCE(parent->mm) == session->mirror.mm &&
	       rcu_access_pointer(parent->real_parent) == session->user;
}

/* Whether `task` may wait for E: U, or the child of U's that makes E. */
bool lp_session_may_await(struct lp_session *session, const struct task_struct *task)
{
	bool may;

	if (lp_session_is_user(session, task))
		return true;
	if (stage_of(session) == NEW || task->mm != session->mirror.mm)
		return false;
	rcu_read_lock();
	may = rcu_access_pointer(task->real_parent) == session->user;
	rcu_read_unlock();
	return may;
}

/* Descriptors; and the root, the working folder and the mask of files to be made. */
static bool shares_files(struct task_struct *task)
{
	bool same;

	task_lock(task);
	same = task->files == current->files && task->fs == current->fs;
	task_unlock(task);
	return same;
}

/* Whoever else had E's memory could unmap the stack that E is on. Such a one is no thread of E's.
 */
static bool shares_memory(void)
{
	struct task_struct *process, *thread;
	bool shares = false;

	rcu_read_lock();
	for_each_process_thread(process, thread) {
		if (thread != current && READ_ONCE(thread->mm) == current->mm)
			shares = true;
	}
	rcu_read_unlock();
	return shares;
}

static int become_body(struct lp_session *session)
{
	bool made = false;
	int error = 0;

	spin_lock(&session->lock);
	if (session->stage == ATTACHED) {
		rcu_read_lock();
		made = made_by_user(session, current);
		rcu_read_unlock();
	}
	if (session->stage != ATTACHED || session->body)
		error = session->stage == ENDED ? -EPIPE : -EBUSY;
	else if (!made || current->mm == session->mirror.mm || shares_memory() ||
		 !shares_files(session->user) || current->ptrace)
		error = -EPERM;
	if (!error) {
		session->body = get_task_struct(current);
		set_stage(session, STARTING);
	}
	spin_unlock(&session->lock);
	return error;
}

/* Forget the signals that came; none has a handler that could run. */
static void drain_signals(void)
{
	while (signal_pending(current) && !fatal_signal_pending(current)) {
		lp_run_task_work();
		if (!kernel_dequeue_signal())
			break;
	}
}

static int prepare_body(struct file *file)
{
	sigset_t all;

	/* 128 TB may be more than U may map. */
	task_lock(current->group_leader);
	current->signal->rlim[RLIMIT_AS].rlim_cur = RLIM_INFINITY;
	current->signal->rlim[RLIMIT_AS].rlim_max = RLIM_INFINITY;
	task_unlock(current->group_leader);
	/* Without SIGSTOP too, which only the kernel can do: E would hold U up and not stop. */
	siginitsetinv(&all, sigmask(SIGKILL) | sigmask(NUDGE));
	sigprocmask(SIG_SETMASK, &all, NULL);
	allow_kernel_signal(NUDGE);
	return lp_mirror_enter(file);
}

static bool take_call(struct lp_session *session)
{
	bool taken;

	spin_lock(&session->lock);
	taken = session->stage == QUEUED;
	if (taken)
		set_stage(session, RUNNING);
	spin_unlock(&session->lock);
	return taken;
}

static int serve_call(struct lp_session *session)
{
	struct lp_call *call = &session->call;
	const struct cred *old;
	int error;

	if (!session->application->serve)
		return -EOPNOTSUPP;
	error = lp_crossing_prepare(&session->state.run.crossing, &session->mirror, call->stack_low,
				    call->stack_top);
	if (error)
		return error;
	old = override_creds(session->cred);
	error = session->application->serve(&session->state, call->operation, call->arguments,
					    &call->result);
	lp_run_task_work();
	revert_creds(old);
	return error;
}

static int serve_run(struct lp_session *session)
{
	const struct cred *old = override_creds(session->cred);

	lp_run_elite(&session->state.run);
	lp_run_task_work();
	revert_creds(old);
	return 0;
}

static int serve_work(struct lp_session *session)
{
	return session->work == RUN ? serve_run(session) : serve_call(session);
}

static void finish_call(struct lp_session *session, int error)
{
	spin_lock(&session->lock);
	session->error = error;
	session->excursions += session->state.run.crossing.excursions;
	if (session->stage == RUNNING)
		set_stage(session, DONE);
	spin_unlock(&session->lock);
	wake_up_all(&session->to_user);
}

/* E's life, until it is killed: by end(), or by whoever wants U's death. */
static void serve(struct lp_session *session)
{
	spin_lock(&session->lock);
	if (session->stage == STARTING)
		set_stage(session, IDLE);
	spin_unlock(&session->lock);
	wake_up_all(&session->to_user);
	while (!fatal_signal_pending(current)) {
		/* Interruptible: it may last, and counts as no load. */
		if (wait_event_interruptible(session->to_body, stage_of(session) == QUEUED)) {
			drain_signals();
			/* What is no signal, as a frozen group's mark, stays: then not so. */
			if (signal_pending(current))
				wait_event_killable(session->to_body, stage_of(session) == QUEUED);
		}
		drain_signals();
		if (take_call(session))
			finish_call(session, serve_work(session));
		/* A nudge that came late is not for the next call, which waits for this. */
		drain_signals();
	}
}

/* Called by what becomes E. Returns to user space only if it did not. */
long lp_session_enter(struct lp_session *session, struct file *file)
{
	bool asked, served;
	int error;

	error = become_body(session);
	if (error)
		return error;
	error = prepare_body(file);
	if (!error)
		serve(session);
	spin_lock(&session->lock);
	asked = session->stage == ENDING;
	served = session->stage > STARTING;
	set_stage(session, ENDED);
	spin_unlock(&session->lock);
	wake_up_all(&session->to_user);
	/* What E was doing for U is lost. */
	if (served && !asked)
		send_sig(SIGKILL, session->user, 1);
	force_sig(SIGKILL);
	return error ? error : -EINTR;
}

/* U waits for E, or who makes E does. */
int lp_session_await(struct lp_session *session, pid_t pid)
{
	struct task_struct *child;
	int error;

	rcu_read_lock();
	child = pid_task(find_vpid(pid), PIDTYPE_TGID);
	if (child && rcu_access_pointer(child->real_parent) == current)
		get_task_struct(child);
	else
		child = NULL;
	rcu_read_unlock();
	if (!child)
		return -ECHILD;
	error = wait_event_interruptible(
	    session->to_user, stage_of(session) >= IDLE || READ_ONCE(child->flags) & PF_EXITING);
	if (!error && (stage_of(session) < IDLE || session->body != child))
		error = -ECHILD;
	else if (!error && stage_of(session) >= ENDING)
		error = -EPIPE;
	put_task_struct(child);
	return error;
}

/* U gives E something to do. */
static int submit(struct lp_session *session, enum task work)
{
	const struct cred *old = NULL;
	int error = 0;

	spin_lock(&session->lock);
	if (session->stage >= ENDING) {
		error = -EPIPE;
	} else if (session->stage != IDLE) {
		error = -EBUSY;
	} else {
		/* U may have changed its user since. */
		if (session->cred != current_cred()) {
			old = session->cred;
			session->cred = get_current_cred();
		}
		session->work = work;
		session->calls++;
		set_stage(session, QUEUED);
	}
	spin_unlock(&session->lock);
	if (old)
		put_cred(old);
	if (!error)
		wake_up_all(&session->to_body);
	return error;
}

/* U has a signal: take the call back if E has not begun it, else interrupt what E waits for. */
static bool take_back(struct lp_session *session)
{
	bool back = false;

	spin_lock(&session->lock);
	if (session->stage == QUEUED) {
		set_stage(session, IDLE);
		back = true;
	} else if (session->stage == RUNNING) {
		nudge(session);
	}
	spin_unlock(&session->lock);
	return back;
}

static bool answered(struct lp_session *session)
{
	return stage_of(session) >= DONE;
}

/* Have E do what U prepared, while E is idle, and wait. -ERESTARTSYS: it did not begin. */
static int have_done(struct lp_session *session, enum task work)
{
	int error = submit(session, work);

	if (error)
		return error;
	if (wait_event_interruptible(session->to_user, answered(session))) {
		if (take_back(session))
			return -ERESTARTSYS;
		/* E ends the call soon. If U is killed, the end of U takes E along. */
		if (wait_event_killable(session->to_user, answered(session)))
			return -EINTR;
	}
	spin_lock(&session->lock);
	if (session->stage == DONE) {
		error = session->error;
		set_stage(session, IDLE);
	} else {
		error = -EPIPE;
	}
	spin_unlock(&session->lock);
	return error;
}

int lp_session_call(struct lp_session *session, struct lp_call *call)
{
	int error;

	if (stage_of(session) == IDLE) {
		session->call = *call;
		session->call.result = 0;
	}
	error = have_done(session, CALL);
	if (!error)
		call->result = session->call.result;
	return error;
}

int lp_session_run(struct lp_session *session, struct lp_run *run)
{
	struct lp_run_state *state = &session->state.run;
	int error;

	if (!session->application->elite)
		return -EOPNOTSUPP;
	if (stage_of(session) >= ENDING)
		return -EPIPE;
	if (stage_of(session) != IDLE)
		return -EBUSY;
	/* U has unshared its own: this E is of no use any more. */
	if (READ_ONCE(session->body->files) != current->files ||
	    READ_ONCE(session->body->fs) != current->fs)
		return -EPIPE;
	error = lp_run_begin(state, session->application->elite, run, &session->mirror);
	if (error)
		return error;
	error = have_done(session, RUN);
	if (!error)
		error = lp_run_end(state, run);
	else if (!lp_run_withdraw(state))
		/* U ends, or E did: what U had is lost. */
		force_sig(SIGKILL);
	if (READ_ONCE(session->closed))
		end(session);
	return error;
}

int lp_session_detach(struct lp_session *session)
{
	int error;

	end(session);
	error = wait_event_killable(session->to_user, stage_of(session) == ENDED);
	if (!error && session->body)
		error = wait_for_exit(session->body);
	return error;
}

int lp_session_counters(struct lp_session *session, struct lp_counters *counters)
{
	struct lp_mirror *mirror = &session->mirror;

	counters->faults = atomic64_read(&mirror->faults);
	counters->upgrades = atomic64_read(&mirror->upgrades);
	counters->retries = atomic64_read(&mirror->retries);
	counters->invalidations = atomic64_read(&mirror->invalidations);
	spin_lock(&session->lock);
	counters->calls = session->calls;
	counters->excursions = session->excursions;
	spin_unlock(&session->lock);
	return 0;
}

/* A task ends; called with preemption off. */
void lp_session_departed(struct task_struct *task)
{
	const struct task_struct *parent;
	struct lp_session *session;

	rcu_read_lock();
	spin_lock(&sessions_lock);
	session = find(task);
	if (session)
		end(session);
	/* A child that was to become E, and did not: AWAIT looks again. */
	parent = rcu_dereference(task->real_parent);
	session = find(parent);
	if (!session)
		session = find(rcu_access_pointer(parent->real_parent));
	if (session)
		wake_up_all(&session->to_user);
	spin_unlock(&sessions_lock);
	rcu_read_unlock();
}

/* For applications' modules: see lakeplacid.h. */
int lp_body_run(struct lp_body *body, lp_elite_fn function, u64 a, u64 b, u64 c, u64 *result)
{
	return lp_crossing_run(&body->run.crossing, function, a, b, c, result);
}
EXPORT_SYMBOL_GPL(lp_body_run);
