// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's first process: makes the host's tree its root, runs one command, tells the host.
 *
 * It is linked statically and lies in the initial RAM disk with what the host wrote beside it:
 *
 *	/lp/modules	kernel modules to load, in order, one path a line
 *	/lp/writable	folders of the host that the guest may change, one path a line
 *	/lp/cwd		the command's working directory
 *	/lp/argv	the command, its words ended by NUL
 *	/lp/env		its environment, NAME=VALUE ended by NUL
 *
 * What it says goes over virtio-serial port PORT as frames: one byte of type, four bytes of length
 * (little endian), and that many bytes:
 *
 *	o, e		what the command wrote to stdout, to stderr
 *	x		the end: "exit N" or "signal N"
 *	!		the end: why the command could not be run
 *
 * After the last frame the host answers with one byte; only then the machine is reset, so that no
 * frame is lost. The same program, called as insmod or rmmod, does what these do: a host without
 * kmod has none to share.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <libgen.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The first number is that of the virtio device, in the order in which they are found. */
#define PORT "/dev/vport*p1"
#define PORT_WAIT_MS 20000
#define CHUNK 65536

static int port = -1;

static void send_all(const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t sent = write(port, at, size);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return;
		at += sent;
		size -= sent;
	}
}

static void frame(char type, const void *data, uint32_t size)
{
	unsigned char header[5] = {type, size, size >> 8, size >> 16, size >> 24};

	send_all(header, sizeof(header));
	send_all(data, size);
}

static void __attribute__((noreturn)) finish(char type, const char *text)
{
	char answer;

	if (port >= 0) {
		frame(type, text, strlen(text));
		while (read(port, &answer, 1) < 0 && errno == EINTR)
			;
	} else {
		fprintf(stderr, "lakeplacid: %s\n", text);
	}
	sync();
	reboot(RB_AUTOBOOT);
	_exit(1);
}

static void __attribute__((noreturn, format(printf, 1, 2))) fail(const char *format, ...)
{
	char text[512], why[128];
	va_list list;

	snprintf(why, sizeof(why), ": %s", strerror(errno));
	va_start(list, format);
	vsnprintf(text, sizeof(text) - sizeof(why), format, list);
	va_end(list);
	strcat(text, why);
	finish('!', text);
}

/* The whole of file `path`, with a NUL after it; its size goes to `*size`. */
static char *slurp(const char *path, size_t *size)
{
	struct stat about;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text;
	size_t have = 0;

	if (fd < 0 || fstat(fd, &about))
		fail("%s", path);
	text = malloc(about.st_size + 1);
	if (!text)
		fail("%s", path);
	while (have < (size_t)about.st_size) {
		ssize_t got = read(fd, text + have, about.st_size - have);

		if (got <= 0)
			fail("%s", path);
		have += got;
	}
	close(fd);
	text[have] = 0;
	if (size)
		*size = have;
	return text;
}

/* The NUL-ended words in a file as an array that ends with NULL. */
static char **words(const char *path)
{
	size_t size, count = 0, i = 0;
	char *text = slurp(path, &size);
	char **list;

	for (char *at = text; at < text + size; at += strlen(at) + 1)
		count++;
	list = calloc(count + 1, sizeof(*list));
	if (!list)
		fail("%s", path);
	for (char *at = text; at < text + size; at += strlen(at) + 1)
		list[i++] = at;
	return list;
}

static int load_module(const char *path, const char *parameters)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int status;

	if (fd < 0)
		return -1;
	status = syscall(SYS_finit_module, fd, parameters, 0);
	close(fd);
	return status;
}

static int insmod(int argc, char **argv)
{
	char parameters[4096] = "";

	if (argc < 2) {
		fprintf(stderr, "usage: insmod FILE [NAME=VALUE]...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		if (strlen(parameters) + strlen(argv[i]) + 2 > sizeof(parameters)) {
			fprintf(stderr, "insmod: too many parameters\n");
			return 2;
		}
		strcat(strcat(parameters, argv[i]), " ");
	}
	if (load_module(argv[1], parameters)) {
		fprintf(stderr, "insmod: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return 0;
}

static int rmmod(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: rmmod NAME\n");
		return 2;
	}
	if (syscall(SYS_delete_module, argv[1], O_NONBLOCK)) {
		fprintf(stderr, "rmmod: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	return 0;
}

static void load_modules(void)
{
	char *rest = slurp("/lp/modules", NULL), *path;

	while ((path = strsep(&rest, "\n")))
		if (*path && load_module(path, "") && errno != EEXIST)
			fail("cannot load %s", path);
}

/* Wait for the port to appear: its driver finds it some time after the module is loaded. */
static void open_port(void)
{
	char events[4096];
	glob_t found;
	struct pollfd watch = {.fd = inotify_init1(IN_CLOEXEC), .events = POLLIN};

	if (watch.fd < 0 || inotify_add_watch(watch.fd, "/dev", IN_CREATE) < 0)
		fail("cannot watch /dev");
	while (glob(PORT, 0, NULL, &found)) {
		if (poll(&watch, 1, PORT_WAIT_MS) <= 0)
			fail("no " PORT);
		if (read(watch.fd, events, sizeof(events)) < 0)
			fail("cannot watch /dev");
	}
	close(watch.fd);
	port = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	if (port < 0)
		fail("%s", found.gl_pathv[0]);
	globfree(&found);
}

static void mount_or_fail(const char *what, const char *where, const char *type,
			  unsigned long flags, const char *options)
{
	if (mount(what, where, type, flags, options))
		fail("cannot mount %s on %s", type ? type : what, where);
}

static void make_folder(const char *path)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		fail("cannot make %s", path);
}

/*
 * The root: the host's tree below, and a RAM disk that takes the guest's changes above it. Only
 * the folders in /lp/writable are the host's own.
 */
static void make_root(void)
{
	char *rest, *path, from[4096], to[4096];

	make_folder("/host");
	make_folder("/over");
	make_folder("/new");
	mount_or_fail("host", "/host", "virtiofs", 0, NULL);
	mount_or_fail("over", "/over", "tmpfs", 0, "mode=755");
	make_folder("/over/up");
	make_folder("/over/work");
	mount_or_fail("overlay", "/new", "overlay", 0,
		      "lowerdir=/host,upperdir=/over/up,workdir=/over/work");
	rest = slurp("/lp/writable", NULL);
	while ((path = strsep(&rest, "\n"))) {
		if (!*path)
			continue;
		snprintf(from, sizeof(from), "/host%s", path);
		snprintf(to, sizeof(to), "/new%s", path);
		mount_or_fail(from, to, NULL, MS_BIND, NULL);
	}
	mount_or_fail("/dev", "/new/dev", NULL, MS_MOVE, NULL);
	mount_or_fail("proc", "/new/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_fail("sysfs", "/new/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	/* debugfs is for tests that look at the driver's counters; a kernel may have none. */
	mount("debugfs", "/new/sys/kernel/debug", "debugfs", 0, NULL);
	make_folder("/new/dev/pts");
	make_folder("/new/dev/shm");
	mount_or_fail("devpts", "/new/dev/pts", "devpts", 0, "ptmxmode=666");
	mount_or_fail("shm", "/new/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, NULL);
	make_folder("/new/run");
	mount_or_fail("run", "/new/run", "tmpfs", 0, "mode=755");
	make_folder("/new/run/lakeplacid");
	mount_or_fail("/lp", "/new/run/lakeplacid", NULL, MS_BIND, NULL);
}

static void enter_root(void)
{
	if (chdir("/new") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("cannot enter the host's tree");
	symlink("/proc/self/fd", "/dev/fd");
	symlink("/proc/self/fd/0", "/dev/stdin");
	symlink("/proc/self/fd/1", "/dev/stdout");
	symlink("/proc/self/fd/2", "/dev/stderr");
}

static void start_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		fail("cannot start the loopback interface");
	close(fd);
}

/* Pass on what is in the pipe. Returns false at its end. */
static int pass_on(int fd, char type)
{
	static char chunk[CHUNK];
	ssize_t got = read(fd, chunk, sizeof(chunk));

	if (got > 0)
		frame(type, chunk, got);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

static pid_t start_command(int out, int err)
{
	char **argv = words("/run/lakeplacid/argv"), **env = words("/run/lakeplacid/env");
	char *cwd = slurp("/run/lakeplacid/cwd", NULL);
	pid_t child = fork();
	sigset_t none;
	int null;

	if (child < 0)
		fail("cannot fork");
	if (child)
		return child;
	setsid();
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out, 1);
	dup2(err, 2);
	if (null > 2)
		close(null);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	environ = env;
	if (chdir(cwd)) {
		fprintf(stderr, "%s: %s\n", cwd, strerror(errno));
		_exit(126);
	}
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* Reap whoever ended (orphans are ours); true when `child` did, with its status. */
static int reap(pid_t child, int *status)
{
	int ended = 0, each;
	pid_t pid;

	while ((pid = waitpid(-1, &each, WNOHANG)) > 0) {
		if (pid == child) {
			*status = each;
			ended = 1;
		}
	}
	return ended;
}

static void __attribute__((noreturn)) run(void)
{
	int out[2], err[2], status = 0, ended = 0;
	struct signalfd_siginfo info;
	struct pollfd watch[3];
	char text[32];
	sigset_t set;
	pid_t child;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (pipe2(out, O_CLOEXEC | O_NONBLOCK) || pipe2(err, O_CLOEXEC | O_NONBLOCK))
		fail("cannot make a pipe");
	/* The command's ends must block as a terminal or a file would. */
	fcntl(out[1], F_SETFL, 0);
	fcntl(err[1], F_SETFL, 0);
	watch[0] = (struct pollfd){.fd = out[0], .events = POLLIN};
	watch[1] = (struct pollfd){.fd = err[0], .events = POLLIN};
	watch[2] = (struct pollfd){.fd = signalfd(-1, &set, SFD_CLOEXEC), .events = POLLIN};
	child = start_command(out[1], err[1]);
	close(out[1]);
	close(err[1]);
	/* Once the command has ended, what is in the pipes goes over; a daemon may keep them. */
	while (!ended || watch[0].fd >= 0 || watch[1].fd >= 0) {
		int ready = poll(watch, 3, ended ? 0 : -1);

		if (ready < 0 && errno != EINTR)
			fail("cannot poll");
		if (ready <= 0 && ended)
			break;
		for (int i = 0; i < 2; i++)
			if (watch[i].revents && !pass_on(watch[i].fd, "oe"[i]))
				watch[i].fd = -1;
		if (watch[2].revents && read(watch[2].fd, &info, sizeof(info)) > 0)
			ended |= reap(child, &status);
	}
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal %d", WTERMSIG(status));
	else
		snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));
	finish('x', text);
}

int main(int argc, char **argv)
{
	const char *name = basename(argv[0]);

	if (!strcmp(name, "insmod"))
		return insmod(argc, argv);
	if (!strcmp(name, "rmmod"))
		return rmmod(argc, argv);
	if (getpid() != 1) {
		fprintf(stderr, "%s: only the guest's first process can do this\n", name);
		return 2;
	}
	make_folder("/dev");
	/* A kernel with CONFIG_DEVTMPFS_MOUNT has done it already. */
	if (mount("dev", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY)
		fail("cannot mount devtmpfs");
	load_modules();
	open_port();
	make_root();
	enter_root();
	sethostname("guest", strlen("guest"));
	start_loopback();
	run();
}
