// CUDA's words for a CPU: the kernels' own source, compiled as C++, runs block after block. A block's threads are fibers of
// one thread of the operating system, in fixed order, that change at barriers. Only what kernels/ uses is here.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>
#include <setjmp.h>
#include <ucontext.h>

#define __global__
#define __device__
#define __shared__ static
#define __forceinline__ inline
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __restrict__ __restrict

struct float4 { float x, y, z, w; };
struct int2 { int x, y; };
struct Index { unsigned x, y, z; };
static Index threadIdx, blockIdx, blockDim, gridDim;

using std::min;
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline long long __double2ll_rn(double x) { return llrint(x); }
static inline void __threadfence() {}
template <typename T> static inline T atomicAdd(T *address, T value) { T before = *address; *address += value; return before; }

namespace cpu {
constexpr size_t STACK = 64 * 1024;
// A fiber serves one thread of block after block; `at` is where it waits.
struct Fiber { ucontext_t context; std::unique_ptr<char[]> stack; jmp_buf at; bool started = false, done = false; };
static std::vector<std::unique_ptr<Fiber>> fibers;
static jmp_buf scheduler;
static ucontext_t origin;
static size_t current;
static std::function<void()> body;

// Back to the scheduler; saving and restoring signals, as swapcontext does, would cost a system call.
static void wait(Fiber &fiber) {
  if (_setjmp(fiber.at) == 0) _longjmp(scheduler, 1);
}

static void serve() {
  for (;;) {
    body();
    Fiber &fiber = *fibers[current];
    fiber.done = true;
    wait(fiber);
  }
}

static void resume(Fiber &fiber) {
  if (_setjmp(scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.at, 1);
  fiber.started = true;
  getcontext(&fiber.context);
  fiber.stack = std::make_unique<char[]>(STACK);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = STACK;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, serve, 0);
  swapcontext(&origin, &fiber.context);
}

static void run_block(unsigned threads) {
  while (fibers.size() < threads) fibers.push_back(std::make_unique<Fiber>());
  for (unsigned n = 0; n < threads; n++) fibers[n]->done = false;
  for (;;) {
    // All threads to their next barrier, or to their end.
    unsigned ended = 0;
    for (current = 0; current < threads; current++) {
      Fiber &fiber = *fibers[current];
      if (!fiber.done) {
        threadIdx = {(unsigned)current, 0, 0};
        resume(fiber);
      }
      ended += fiber.done;
    }
    if (ended == threads) return;
    // A thread that has returned can't come to the barrier where others wait; on a GPU that hangs or worse.
    if (ended != 0) { fprintf(stderr, "divergent __syncthreads\n"); abort(); }
  }
}

template <typename Call> static void launch(unsigned grid_x, unsigned grid_y, unsigned threads, Call &&call) {
  gridDim = {grid_x, grid_y, 1};
  blockDim = {threads, 1, 1};
  body = call;
  for (unsigned y = 0; y < grid_y; y++) {
    for (unsigned x = 0; x < grid_x; x++) {
      blockIdx = {x, y, 0};
      run_block(threads);
    }
  }
}
}  // namespace cpu

static inline void __syncthreads() { cpu::wait(*cpu::fibers[cpu::current]); }
