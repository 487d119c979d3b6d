/* A file system that lacks something, for the process that loads this before the C library (LD_PRELOAD).
 *
 * FAULTS names what is refused: chmod, links, locks, rename, room, shared (memory that is mapped to be written), sync.
 * FAULTS_IN is the folder below which it is; "room" fails as on a full disk. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int refused(const char *what) {
    const char *faults = getenv("FAULTS");
    return faults && strstr(faults, what) != NULL;
}

static int below(const char *path) {
    const char *folder = getenv("FAULTS_IN");
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int opened_below(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

#define NEXT(result, name, ...) ((result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))
#define REFUSE(with) do { errno = with; return -1; } while (0)

int chmod(const char *path, mode_t mode) {
    if (refused("chmod") && below(path)) REFUSE(EPERM);
    return NEXT(int, "chmod", const char *, mode_t)(path, mode);
}
int fchmodat(int folder, const char *path, mode_t mode, int flags) {
    if (refused("chmod") && below(path)) REFUSE(EPERM);
    return NEXT(int, "fchmodat", int, const char *, mode_t, int)(folder, path, mode, flags);
}
int fchmod(int file, mode_t mode) {
    if (refused("chmod") && opened_below(file)) REFUSE(EPERM);
    return NEXT(int, "fchmod", int, mode_t)(file, mode);
}
int link(const char *from, const char *to) {
    if (refused("links") && below(to)) REFUSE(EPERM);
    return NEXT(int, "link", const char *, const char *)(from, to);
}
int symlink(const char *from, const char *to) {
    if (refused("links") && below(to)) REFUSE(EPERM);
    return NEXT(int, "symlink", const char *, const char *)(from, to);
}
int rename(const char *from, const char *to) {
    if (refused("rename") && below(to)) REFUSE(EBUSY);
    return NEXT(int, "rename", const char *, const char *)(from, to);
}
int fsync(int file) {
    if (refused("sync") && opened_below(file)) REFUSE(EINVAL);
    return NEXT(int, "fsync", int)(file);
}
int fdatasync(int file) {
    if (refused("sync") && opened_below(file)) REFUSE(EINVAL);
    return NEXT(int, "fdatasync", int)(file);
}
int flock(int file, int how) {
    if (refused("locks") && opened_below(file)) REFUSE(ENOLCK);
    return NEXT(int, "flock", int, int)(file, how);
}

static int locks(int file, int command) {
    int asked = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW;
    return asked && refused("locks") && opened_below(file);
}
#define FCNTL(name)                                                        \
    int name(int file, int command, ...) {                                 \
        va_list arguments;                                                 \
        va_start(arguments, command);                                      \
        void *given = va_arg(arguments, void *);                           \
        va_end(arguments);                                                 \
        if (locks(file, command)) REFUSE(ENOLCK);                          \
        return NEXT(int, #name, int, int, void *)(file, command, given);   \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

static int maps(int protection, int flags, int file) {
    int shared = (flags & MAP_SHARED) && (protection & PROT_WRITE) && file >= 0;
    return shared && refused("shared") && opened_below(file);
}
#define MMAP(name)                                                                                            \
    void *name(void *at, size_t length, int protection, int flags, int file, off_t offset) {                  \
        if (maps(protection, flags, file)) { errno = ENODEV; return MAP_FAILED; }                             \
        return NEXT(void *, #name, void *, size_t, int, int, int, off_t)(at, length, protection, flags, file, offset); \
    }
MMAP(mmap)
MMAP(mmap64)

ssize_t write(int file, const void *bytes, size_t count) {
    if (refused("room") && opened_below(file)) REFUSE(ENOSPC);
    return NEXT(ssize_t, "write", int, const void *, size_t)(file, bytes, count);
}
#define PWRITE(name)                                                                             \
    ssize_t name(int file, const void *bytes, size_t count, off_t at) {                          \
        if (refused("room") && opened_below(file)) REFUSE(ENOSPC);                               \
        return NEXT(ssize_t, #name, int, const void *, size_t, off_t)(file, bytes, count, at);   \
    }
PWRITE(pwrite)
PWRITE(pwrite64)
