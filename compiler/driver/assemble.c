/* The training program: gradients of the loss, their clipping, and the optimizer's update of each trained parameter. */
#include <stdio.h>
#include "driver/network.h"

/* sum(all indices: g^2) as a rank-0 formula. */
static nnc_tensor_id square_sum(nnc_program *p, nnc_tensor_id g)
{
    const nnc_tensor *t = nnc_tensor_at(p, g);
    uint32_t rank = t->rank;
    int64_t extent[NNC_MAX_SLOTS];
    nnc_ref index[NNC_MAX_SLOTS];
    nnc_span span = t->span;
    for (uint32_t i = 0; i < rank; i++) {
        extent[i] = t->extent[i];
        index[i] = nnc_index(p, i);
    }
    nnc_ref read = nnc_read(p, g, index, rank);
    return nnc_define_slots(p, "norm.part", span, NNC_REAL, 0, rank ? NNC_REDUCE_SUM : NNC_REDUCE_NONE, extent, 0, rank,
                            nnc_binary(p, NNC_OP_MUL, read, read));
}

static nnc_tensor_id norm_of(nnc_program *p, const nnc_tensor_id *gradient, uint32_t count)
{
    nnc_ref total = nnc_real(p, 0);
    for (uint32_t i = 0; i < count; i++)
        if (gradient[i])
            total = nnc_binary(p, NNC_OP_ADD, total, nnc_read(p, square_sum(p, gradient[i]), NULL, 0));
    return nnc_define_slots(p, "gradient_norm", (nnc_span){0}, NNC_REAL, 0, NNC_REDUCE_NONE, NULL, 0, 0, nnc_unary(p, NNC_OP_SQRT, total));
}

/* g * (if norm > clip then clip / norm else 1): the norm of all gradients together is at most clip (Pascanu, Mikolov, Bengio 2013, algorithm 1). */
static nnc_tensor_id clipped(nnc_program *p, nnc_tensor_id g, nnc_tensor_id factor)
{
    nnc_ref index[NNC_MAX_SLOTS];
    int64_t extent[NNC_MAX_SLOTS];
    uint32_t rank = nnc_tensor_at(p, g)->rank;
    for (uint32_t i = 0; i < rank; i++) {
        extent[i] = nnc_tensor_at(p, g)->extent[i];
        index[i] = nnc_index(p, i);
    }
    nnc_ref body = nnc_binary(p, NNC_OP_MUL, nnc_read(p, g, index, rank), nnc_read(p, factor, NULL, 0));
    const char *name = nnc_arena_format(p->arena, "%s.clipped", nnc_tensor_at(p, g)->name);
    return nnc_define_slots(p, name, nnc_tensor_at(p, g)->span, NNC_REAL, 0, NNC_REDUCE_NONE, extent, rank, 0, body);
}

static nnc_tensor_id clip_factor(nnc_program *p, nnc_tensor_id norm, double clip)
{
    nnc_ref n = nnc_read(p, norm, NULL, 0), limit = nnc_real(p, clip);
    nnc_ref over = nnc_binary(p, NNC_OP_LESS, limit, n);
    nnc_ref body = nnc_select(p, over, nnc_binary(p, NNC_OP_DIV, limit, n), nnc_real(p, 1));
    return nnc_define_slots(p, "clip_factor", (nnc_span){0}, NNC_REAL, 0, NNC_REDUCE_NONE, NULL, 0, 0, body);
}

bool nnc_assemble_update(nnc_network *network, bool norm, nnc_tensor_id *norm_tensor)
{
    nnc_model *model = network->model;
    nnc_program *p = model->program;
    nnc_tensor_id *by = NNC_ARRAY(network->arena, nnc_tensor_id, model->parameters + 1);
    nnc_tensor_id *gradient = NNC_ARRAY(network->arena, nnc_tensor_id, model->parameters + 1);
    uint32_t *which = NNC_ARRAY(network->arena, uint32_t, model->parameters + 1), count = 0;
    for (uint32_t i = 0; i < model->parameters; i++)
        if (model->parameter[i].trained) {
            which[count] = i;
            by[count++] = model->parameter[i].tensor;
        }
    nnc_differentiate(p, model->loss, by, count, gradient);
    network->gradient = NNC_ARRAY(network->arena, nnc_tensor_id, model->parameters + 1);
    for (uint32_t i = 0; i < count; i++)
        network->gradient[which[i]] = gradient[i];
    *norm_tensor = norm || model->recipe.clip > 0 ? norm_of(p, gradient, count) : 0;
    nnc_tensor_id factor = model->recipe.clip > 0 ? clip_factor(p, *norm_tensor, model->recipe.clip) : 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!gradient[i])
            continue;
        nnc_tensor_id g = factor ? clipped(p, gradient[i], factor) : gradient[i];
        if (!nnc_model_update(model, which[i], g, &network->optimizer_state, &network->optimizer_states))
            return false;
    }
    return true;
}
