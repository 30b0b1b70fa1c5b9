// Memory of a call: blocks that are reused from one call to the next.
#include "runtime.h"

#include <stdlib.h>

_Thread_local LinalgdCall *linalgdCurrentCall;

static void unlinkBlock(LinalgdBlock *block) {
  block->next->previous = block->previous;
  block->previous->next = block->next;
}

static LinalgdBlock *blockOf(void *payload) { return (LinalgdBlock *)payload - 1; }

// Takes the first block of a list that fits without wasting much of it.
static LinalgdBlock *takeFitting(LinalgdBlock **list, size_t size) {
  for (LinalgdBlock **link = list; *link; link = &(*link)->next) {
    LinalgdBlock *block = *link;
    if (block->size < size || block->size - size > size / 4 + 4096)
      continue;
    *link = block->next;
    return block;
  }
  return NULL;
}

static void freeList(LinalgdBlock *list) {
  while (list) {
    LinalgdBlock *next = list->next;
    free(list);
    list = next;
  }
}

void linalgdStartCall(LinalgdCall *call, linalgd_handle *handle) {
  call->handle = handle;
  call->live.next = call->live.previous = &call->live;
  call->used = NULL;
  call->spare = atomic_exchange(&handle->spare, NULL);
  call->status = LINALGD_OK;
  linalgdCurrentCall = call;
}

void linalgdEndCall(LinalgdCall *call) {
  while (call->live.next != &call->live)
    linalgd_rt_free(call->live.next + 1);
  freeList(call->spare);
  freeList(atomic_exchange(&call->handle->spare, call->used));
  linalgdCurrentCall = NULL;
}

void linalgdFreeSpare(linalgd_handle *handle) { freeList(atomic_exchange(&handle->spare, NULL)); }

void *linalgd_rt_alloc(int64_t alignment, int64_t size) {
  (void)alignment;
  LinalgdCall *call = linalgdCurrentCall;
  size_t bytes = size < 64 ? 64 : (size_t)size;
  LinalgdBlock *block = NULL;
  if (size >= 0 && bytes <= SIZE_MAX / 2) {
    bytes = (bytes + 63) & ~(size_t)63;
    block = takeFitting(&call->used, bytes);
    if (!block)
      block = takeFitting(&call->spare, bytes);
    if (!block && (block = aligned_alloc(64, sizeof(LinalgdBlock) + bytes)))
      block->size = bytes;
  }
  if (!block) {
    call->status =
        linalgdError(LINALGD_OUT_OF_MEMORY, "cannot allocate %lld bytes", (long long)size);
    longjmp(call->exit, 1);
  }
  block->next = call->live.next;
  block->previous = &call->live;
  block->next->previous = block;
  call->live.next = block;
  return block + 1;
}

void linalgd_rt_free(void *payload) {
  LinalgdBlock *block = blockOf(payload);
  unlinkBlock(block);
  block->next = linalgdCurrentCall->used;
  linalgdCurrentCall->used = block;
}

void linalgdDetach(void *payload) { unlinkBlock(blockOf(payload)); }

void linalgdFreeDetached(void *payload) { free(blockOf(payload)); }
