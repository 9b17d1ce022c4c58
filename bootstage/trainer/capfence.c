#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "bootstage/trainer/cap.h"

/* A kernel may serve a second set of system calls with other numbers; newer ones have the same number in all. */
#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#else
#error "the numbers of this machine's system calls are not known here"
#endif
#define IOCTL_32     54 /* i386, arm */
#define FILE_SETATTR 469
#define X32_BIT      0x40000000u
#define SETFLAGS_64  0x40086602u /* FS_IOC_SETFLAGS; the other for programs of 32 bits */
#define SETFLAGS_32  0x40046602u

#define LOAD(field)        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define ANSWER(value)      BPF_STMT(BPF_RET | BPF_K, value)

/* A folder without FS_XFLAG_PROJINHERIT no longer gives its project on, so flags are closed as well. */
static int deny_projects(void)
{
	struct sock_filter code[] = {
		LOAD(arch),
		IF(NATIVE, 0, 4),
		LOAD(nr),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 10, 0),
		IF(__NR_ioctl, 4, 0),
		BPF_STMT(BPF_JMP | BPF_JA, 2),
		LOAD(nr), /* not native */
		IF(IOCTL_32, 1, 0),
		IF(FILE_SETATTR, 5, 4),
		LOAD(args[1]), /* an ioctl; of its number the low half, on machines that put it first */
		IF(FS_IOC_FSSETXATTR, 3, 0),
		IF(SETFLAGS_64, 2, 0),
		IF(SETFLAGS_32, 1, 0),
		ANSWER(SECCOMP_RET_ALLOW),
		ANSWER(SECCOMP_RET_ERRNO | EPERM),
	};
	const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

int cap_fence(uint64_t cap_bytes)
{
	const struct rlimit size = { .rlim_cur = cap_bytes, .rlim_max = cap_bytes };

	if (setrlimit(RLIMIT_FSIZE, &size))
		return -errno;
	if (prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0) &&
	    errno != EPERM) /* who may not drop it has not got it */
		return -errno;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return deny_projects();
}
