/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quota q per period p leaves q / p processors. Quotas of nested cgroups all hold, so the tightest counts, from the
 * process's own cgroup (/proc/self/cgroup) up to the root of the hierarchy. In a container the path may name
 * directories that exist only outside it, or lie beyond its root (..): what cannot be read sets no limit, and the root
 * is always read.
 *
 * Version 2 has one hierarchy and cpu.max; version 1 one for the controller cpu, with two files.
 */
#include "base/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_PATH = 4096, NO_QUOTA = 1 << 16 };

static const char *const MOUNTS_2[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
static const char *const MOUNTS_1[] = {"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct"};

/* Reads up to two numbers from a file in a directory; returns their count. */
static int read_numbers(const char *directory, const char *name, double *first, double *second)
{
    char path[LONGEST_PATH + 32];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = length > 0 && (size_t)length < sizeof path ? fopen(path, "r") : NULL;
    if (file == NULL)
        return 0;
    int count = fscanf(file, "%lf %lf", first, second);
    fclose(file);
    return count;
}

/* Processors that the quota of one cgroup amounts to. */
static double quota_of(const char *directory, int version)
{
    double quota = 0, period = 0, none;
    bool known = version == 2 ? read_numbers(directory, "cpu.max", &quota, &period) == 2
                              : read_numbers(directory, "cpu.cfs_quota_us", &quota, &none) == 1 &&
                                    read_numbers(directory, "cpu.cfs_period_us", &period, &none) == 1;
    return known && quota > 0 && period > 0 ? quota / period : NO_QUOTA;
}

/* The tightest quota of the cgroup `path` and of all above it. */
static double tightest_quota(const char *root, const char *mount, const char *path, int version)
{
    char directory[LONGEST_PATH];
    int top = snprintf(directory, sizeof directory, "%s%s", root, mount);
    if (top < 0 || (size_t)top >= sizeof directory)
        return NO_QUOTA;
    if (strstr(path, "..") == NULL && (size_t)top + strlen(path) < sizeof directory)
        strcpy(directory + top, path);
    double tightest = NO_QUOTA;
    for (;;) {
        double quota = quota_of(directory, version);
        tightest = quota < tightest ? quota : tightest;
        char *last = strrchr(directory + top, '/');
        if (last == NULL)
            return tightest;
        *last = 0;
    }
}

static double tightest_of(const char *root, const char *const mounts[2], const char *path, int version)
{
    double first = tightest_quota(root, mounts[0], path, version),
           second = tightest_quota(root, mounts[1], path, version);
    return first < second ? first : second;
}

/* Whether a list such as "cpu,cpuacct" names the controller cpu. */
static bool names_cpu(const char *list)
{
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, "cpu", 3) == 0 && (at[3] == 0 || at[3] == ','))
            return true;
    }
    return false;
}

int32_t vd_cgroup_processors(const char *root)
{
    char line[LONGEST_PATH];
    double version_2 = tightest_of(root, MOUNTS_2, "", 2), version_1 = tightest_of(root, MOUNTS_1, "", 1);
    double tightest = version_2 < version_1 ? version_2 : version_1;
    snprintf(line, sizeof line, "%s/proc/self/cgroup", root);
    FILE *file = fopen(line, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) { /* hierarchy:controllers:path */
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL)
            continue;
        *path++ = 0;
        controllers++;
        double quota = *controllers == 0        ? tightest_of(root, MOUNTS_2, path, 2)
                       : names_cpu(controllers) ? tightest_of(root, MOUNTS_1, path, 1)
                                                : NO_QUOTA;
        tightest = quota < tightest ? quota : tightest;
    }
    if (file != NULL)
        fclose(file);
    if (tightest >= NO_QUOTA)
        return 0;
    int32_t whole = (int32_t)tightest;
    return whole + (whole < tightest);
}
