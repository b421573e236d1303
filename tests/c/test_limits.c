/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of the number of threads (RLIMIT_NPROC): whatever is left, work asked of several threads is done, if need be by one;
 * OpenMP's runtime would end the program. Each trial is a process with a limit of its own; as root, to whom the limit does
 * not apply, a process of the user nobody.
 */
#ifdef __unix__
#define _DEFAULT_SOURCE
#endif
#include "vdcore/vdcore.h"

#include "check.h"

#include <stdlib.h>

#ifdef __unix__
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HEIGHT = 512, WIDTH = 512, THREADS = 3, TRIALS = 20, NOBODY = 65534 };

static unsigned char frame[HEIGHT * WIDTH], filtered[HEIGHT * WIDTH], region[HEIGHT * WIDTH];

static int try_with(rlim_t limit)
{
    const struct rlimit own = {limit, limit};
    if (setrlimit(RLIMIT_NPROC, &own) != 0 || (getuid() == 0 && setuid(NOBODY) != 0))
        return 0; /* not allowed here: nothing to see */
    vd_image from = vd_image_contiguous(frame, VD_U8, HEIGHT, WIDTH, 1);
    vd_image through = vd_image_contiguous(region, VD_U8, HEIGHT, WIDTH, 1);
    vd_image to = vd_image_contiguous(filtered, VD_U8, HEIGHT, WIDTH, 1);
    for (int k = 0; k < 3; k++)
        if (vd_blend(&from, &through, &to, THREADS) != VD_OK)
            return 1;
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        if (filtered[i] != frame[i])
            return 1;
    return 0;
}

int main(int count, char **arguments)
{
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        frame[i] = (unsigned char)i;
    if (count > 2) /* a process of its own, that has not been forked */
        return try_with((rlim_t)atoi(arguments[2]));
    for (int limit = 1; limit <= THREADS + 1; limit++)
        for (int k = 0; k < TRIALS; k++) {
            char text[] = {(char)('0' + limit), 0};
            int status = -1;
            pid_t process = fork();
            if (process == 0) {
                execl("/proc/self/exe", arguments[0], "limit", text, (char *)NULL);
                _exit(0); /* no such path here: nothing to see */
            }
            CHECK(process > 0 && waitpid(process, &status, 0) == process && status == 0);
        }
    return check_result();
}
#else
int main(void) { return check_result(); }
#endif
