/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A diffuser that another thread is using when the process forks. The thread is played by the flag that its call would hold:
 * the parent's calls are refused as busy, the child's as forked, until a reset; and the child can destroy what it has.
 */
#ifdef __unix__
#define _POSIX_C_SOURCE 200809L
#endif
#include "base/flag.h"
#include "diffuser/diffuser.h"

#include "check.h"

#include <stdlib.h>

#ifdef __unix__
#include <sys/wait.h>
#include <unistd.h>

enum { HEIGHT = 16, WIDTH = 17 };

static float samples[HEIGHT * WIDTH], out[HEIGHT * WIDTH];

static vd_image image_of(float *data) { return vd_image_contiguous(data, VD_F32, HEIGHT, WIDTH, 1); }

static vd_status push(vd_diffuser *d)
{
    vd_image to = image_of(out);
    vd_frame frame = {.struct_size = sizeof frame, .image = image_of(samples), .dt = 1};
    return vd_diffuser_push(d, &frame, &to, NULL);
}

static void check_diffuser(vd_diffuser *d, vd_status refusal)
{
    vd_diffuser *copy;
    vd_info info = {.struct_size = sizeof info};
    size_t size, written, taken;
    int32_t ready;
    vd_image to = image_of(out);
    CHECK_STATUS(push(d), refusal);
    CHECK_STATUS(vd_diffuser_push_many(d, 0, NULL, NULL, &written, &taken), refusal);
    CHECK_STATUS(vd_diffuser_flush(d, &to, &ready), refusal);
    CHECK_STATUS(vd_diffuser_copy(&copy, d), refusal);
    CHECK_STATUS(vd_diffuser_save(d, NULL, &size), refusal);
    CHECK_STATUS(vd_diffuser_info(d, &info), refusal);
    CHECK_STATUS(vd_diffuser_set_diffusivity(d, NULL), refusal);
}

/* What a child does with the diffuser; `reset` before it destroys it. */
static int child(vd_diffuser *diffuser, bool reset)
{
    check_diffuser(diffuser, VD_ERROR_FORKED);
    if (reset) {
        CHECK_STATUS(vd_diffuser_reset(diffuser), VD_OK);
        CHECK(diffuser->core.frames == 0 && diffuser->state == NULL && diffuser->diffusivity != NULL);
        CHECK_STATUS(push(diffuser), VD_OK);
        CHECK(diffuser->core.frames == 1);
        take_flag(&diffuser->busy);
        check_diffuser(diffuser, VD_ERROR_BUSY);
        drop_flag(&diffuser->busy);
    } else
        diffuser->state = samples; /* not to be freed, as after a call that was cut short in the middle */
    vd_diffuser_destroy(diffuser);
    return check_failures != 0;
}

int main(void)
{
    vd_params params;
    vd_diffuser *diffuser = NULL;
    vd_params_init(&params, sizeof params);
    params.sigma_y = params.sigma_x = 1;
    params.model = VD_MODEL_LAPLACIAN;
    CHECK_STATUS(vd_diffuser_create(&diffuser, &params), VD_OK);
    for (int i = 0; i < HEIGHT * WIDTH; i++)
        samples[i] = (float)i / (HEIGHT * WIDTH);
    vd_image map = image_of(samples);
    CHECK_STATUS(vd_diffuser_set_diffusivity(diffuser, &map), VD_OK);
    CHECK_STATUS(push(diffuser), VD_OK);

    CHECK(take_flag(&diffuser->busy));
    check_diffuser(diffuser, VD_ERROR_BUSY);
    CHECK_STATUS(vd_diffuser_reset(diffuser), VD_ERROR_BUSY);
    for (int reset = 0; reset < 2; reset++) {
        int status = -1;
        pid_t process = fork();
        if (process == 0)
            _exit(child(diffuser, reset));
        CHECK(process > 0 && waitpid(process, &status, 0) == process && status == 0);
    }
    drop_flag(&diffuser->busy);
    CHECK_STATUS(push(diffuser), VD_OK);
    vd_diffuser_destroy(diffuser);
    return check_result();
}
#else
int main(void) { return check_result(); }
#endif
