/* SPDX-License-Identifier: Apache-2.0 */
/* CPU quotas of control groups, read from trees of files that stand in for /proc and /sys. */
#ifdef __linux__
#define _XOPEN_SOURCE 700
#endif
#include "base/cgroup.h"

#include "check.h"

#include <stdlib.h>
#include <string.h>

#ifdef __linux__
#include <ftw.h>
#include <sys/stat.h>

static char root[64];

/* Writes a file under the root, with the directories that lead to it. */
static void put(const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *at = strchr(full + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = 0;
        mkdir(full, 0700);
        *at = '/';
    }
    FILE *file = fopen(full, "w");
    if (file == NULL)
        abort();
    fputs(text, file);
    fclose(file);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status, (void)type, (void)where;
    return remove(path);
}

static void begin(void)
{
    strcpy(root, "/tmp/vdcore-cgroup-XXXXXX");
    if (mkdtemp(root) == NULL)
        abort();
}

static void end(int32_t expected)
{
    int32_t found = vd_cgroup_processors(root);
    if (!CHECK(found == expected))
        fprintf(stderr, "found %d, expected %d\n", (int)found, (int)expected);
    nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    begin(); /* nothing mounted */
    end(0);

    begin(); /* a container: the namespace's root has the quota */
    put("/proc/self/cgroup", "0::/\n");
    put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
    end(2);

    begin(); /* no quota */
    put("/proc/self/cgroup", "0::/user.slice\n");
    put("/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
    end(0);

    begin(); /* the process's own cgroup */
    put("/proc/self/cgroup", "0::/a.slice/b.scope\n");
    put("/sys/fs/cgroup/a.slice/b.scope/cpu.max", "300000 100000\n");
    put("/sys/fs/cgroup/a.slice/cpu.max", "max 100000\n");
    end(3);

    begin(); /* one above is tighter, and another cgroup's does not matter */
    put("/proc/self/cgroup", "0::/a.slice/b.scope\n");
    put("/sys/fs/cgroup/a.slice/b.scope/cpu.max", "800000 100000\n");
    put("/sys/fs/cgroup/a.slice/cpu.max", "400000 100000\n");
    put("/sys/fs/cgroup/a.slice/c.scope/cpu.max", "100000 100000\n");
    end(4);

    begin(); /* less than one processor */
    put("/proc/self/cgroup", "0::/a\n");
    put("/sys/fs/cgroup/a/cpu.max", "20000 100000\n");
    end(1);

    begin(); /* version 1: a path of the host, seen from a container */
    put("/proc/self/cgroup", "12:cpuset:/x\n5:cpu,cpuacct:/docker/0123\n1:name=systemd:/y\n0::/\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "250000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    end(3);

    begin(); /* version 1, nested, the inner one without a quota */
    put("/proc/self/cgroup", "4:cpuacct,cpu:/a/b\n");
    put("/sys/fs/cgroup/cpu/a/b/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu/a/b/cpu.cfs_period_us", "100000\n");
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "50000\n");
    end(2);

    begin(); /* the controller cpuset is another one */
    put("/proc/self/cgroup", "4:cpuset:/a\n");
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
    put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "50000\n");
    end(0);

    begin(); /* beyond the root of the namespace: the root counts, and nothing outside is read */
    put("/proc/self/cgroup", "0::/../../other\n");
    put("/sys/fs/cgroup/cpu.max", "700000 100000\n");
    put("/sys/other/cpu.max", "100000 100000\n");
    end(7);

    begin(); /* nonsense */
    put("/proc/self/cgroup", "\n:\n::\n0::\n0::relative\n");
    put("/sys/fs/cgroup/cpu.max", "-5 0\n");
    end(0);
    return check_result();
}
#else
int main(void)
{
    CHECK(vd_cgroup_processors("/nowhere") == 0);
    return check_result();
}
#endif
