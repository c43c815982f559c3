// SPDX-License-Identifier: GPL-2.0-only
/* /dev/lakeplacid: who may, and what is asked, before it is done. */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/err.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/uidgid.h>
#include <asm/special_insns.h>

#include "device.h"
#include "session.h"
#include "status.h"

/* Linear address space separation: user addresses are out of bounds then, whatever a page says. */
#define CR4_LASS BIT(27)

#define STATUS_SIZE 16384

static int gid = -1;
module_param(gid, int, 0444);
MODULE_PARM_DESC(gid, "The group that may use LakePlacid, besides root (default: none)");

static const struct file_operations operations;

static int device_open(struct inode *inode, struct file *file)
{
	struct lp_session *session;

	if (!capable(CAP_SYS_ADMIN) && (gid < 0 || !in_egroup_p(make_kgid(&init_user_ns, gid))))
		return -EPERM;
	session = lp_session_open(file);
	if (!session)
		return -ENOMEM;
	file->private_data = session;
	return 0;
}

static int device_flush(struct file *file, fl_owner_t owner)
{
	lp_session_flush(file->private_data);
	return 0;
}

static int device_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		lp_session_release(file->private_data);
	return 0;
}

static int device_mmap(struct file *file, struct vm_area_struct *vma)
{
	return lp_session_mmap(file->private_data, vma);
}

/* A session more, for somebody who was let in, though he might not be any more. */
static long open_another(void)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;

	if (fd < 0)
		return fd;
	file = anon_inode_getfile("[lakeplacid]", &operations, NULL, O_RDWR);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	file->private_data = lp_session_open(file);
	if (!file->private_data) {
		fput(file);
		put_unused_fd(fd);
		return -ENOMEM;
	}
	fd_install(fd, file);
	return fd;
}

static int attach(struct lp_session *session, struct lp_attach __user *user)
{
	struct lp_attach attach;
	int error;

	if (copy_from_user(&attach, user, sizeof(attach)))
		return -EFAULT;
	if (attach.protocol != LP_PROTOCOL || attach.flags || attach.pad ||
	    strnlen(attach.name, LP_NAME_SIZE) == LP_NAME_SIZE)
		return -EINVAL;
	if (__read_cr4() & CR4_LASS) {
		pr_notice_once("lakeplacid: this processor has LASS: boot with lass=off\n");
		return -EOPNOTSUPP;
	}
	error = lp_session_attach(session, &attach);
	if (error == -ESTALE && copy_to_user(user, &attach, sizeof(attach)))
		return -EFAULT;
	return error;
}

static long enter(struct lp_session *session, struct file *file, struct lp_enter __user *user)
{
	struct lp_enter enter;

	if (copy_from_user(&enter, user, sizeof(enter)))
		return -EFAULT;
	if (enter.flags || enter.pad)
		return -EINVAL;
	return lp_session_enter(session, file);
}

static int await(struct lp_session *session, struct lp_await __user *user)
{
	struct lp_await await;

	if (copy_from_user(&await, user, sizeof(await)))
		return -EFAULT;
	if (await.flags || await.pid <= 0)
		return -EINVAL;
	return lp_session_await(session, await.pid);
}

static int call(struct lp_session *session, struct lp_call __user *user)
{
	struct lp_call call;
	int error;

	if (copy_from_user(&call, user, sizeof(call)))
		return -EFAULT;
	if (call.flags)
		return -EINVAL;
	error = lp_session_call(session, &call);
	if (error)
		return error;
	return put_user(call.result, &user->result);
}

static int run(struct lp_session *session, struct lp_run __user *user)
{
	struct lp_run run;
	int error;

	if (copy_from_user(&run, user, sizeof(run)))
		return -EFAULT;
	error = lp_session_run(session, &run);
	if (error)
		return error;
	if (!copy_to_user(user, &run, sizeof(run)))
		return 0;
	/* It has run: U must not go on from where it was. */
	force_sig(SIGSEGV);
	return -EUCLEAN;
}

static int counters(struct lp_session *session, struct lp_counters __user *user)
{
	struct lp_counters counters = {};
	int error = lp_session_counters(session, &counters);

	if (error)
		return error;
	return copy_to_user(user, &counters, sizeof(counters)) ? -EFAULT : 0;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct lp_session *session = file->private_data;
	void __user *user = (void __user *)argument;

	switch (command) {
	case LP_IOC_ATTACH:
		return attach(session, user);
	case LP_IOC_ENTER:
		return enter(session, file, user);
	case LP_IOC_OPEN:
		return argument ? -EINVAL : open_another();
	}
	if (command == LP_IOC_AWAIT && lp_session_may_await(session, current))
		return await(session, user);
	if (!lp_session_is_user(session, current))
		return -EPERM;
	switch (command) {
	case LP_IOC_CALL:
		return call(session, user);
	case LP_IOC_RUN:
		return run(session, user);
	case LP_IOC_DETACH:
		return argument ? -EINVAL : lp_session_detach(session);
	case LP_IOC_COUNTERS:
		return counters(session, user);
	}
	return -ENOTTY;
}

/* What is loaded, and what it has done, for `lp status`; no addresses. */
static ssize_t device_read(struct file *file, char __user *to, size_t size, loff_t *at)
{
	char *text = kzalloc(STATUS_SIZE, GFP_KERNEL_ACCOUNT);
	ssize_t length;

	if (!text)
		return -ENOMEM;
	length = lp_status_show(text, STATUS_SIZE);
	length = simple_read_from_buffer(to, size, at, text, length);
	kfree(text);
	return length;
}

static const struct file_operations operations = {
    .owner = THIS_MODULE,
    .read = device_read,
    .open = device_open,
    .flush = device_flush,
    .release = device_release,
    .mmap = device_mmap,
    .unlocked_ioctl = device_ioctl,
    .llseek = noop_llseek,
};

/* Without a group, the node's own bits keep others out; with one, open() does. */
static struct miscdevice device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "lakeplacid",
    .fops = &operations,
    .mode = 0600,
};

int lp_device_init(void)
{
	if (gid >= 0)
		device.mode = 0666;
	return misc_register(&device);
}

void lp_device_uninit(void)
{
	misc_deregister(&device);
}
