// What touches every pixel: cost (4) of the stochastic search, the normal equations of the default method, and the sums
// of the local measurement. Host: src/grating/cuda.rs. Compiled at run time by NVRTC for the device that is found; tests
// compile the same source for the CPU (tests/kernels). docs/performance.md counts what each must cost at least.

#include "layout.h"
#include "model.h"
#include "draws.h"

// --- (a) stochastic search -------------------------------------------------------------------------------------------

// The draws of `round` around the mean; the mean itself is the first. By one block of at least DRAWS threads.
__device__ static void draw(const Round &round, Search *search) {
  unsigned n = threadIdx.x;
  if (n >= DRAWS) return;
  Quadratic phase = search->mean[round.searches_h ? 0 : 1];
  if (n > 0) {
    double step[5];
    for (unsigned k = 0; k < 5; k++) step[k] = round.sigma[k] * normal(round.seed, round.image_number, round.number, n, k);
    // About the centre, where steps are rounder than about the corner pixel (0, 0).
    double cx = round.centre[0], cy = round.centre[1];
    phase.xy += step[0];
    phase.yy += step[1];
    phase.x += step[2] - step[0] * cy / 1000.0;
    phase.y += step[3] - (step[0] * cx + 2.0 * step[1] * cy) / 1000.0;
    phase.constant += step[4] - step[2] * cx - step[3] * cy + (step[0] * cx * cy + step[1] * cy * cy) / 1000.0;
  }
  search->draws[n] = phase;
}

// Cost (4), best gain and offset, over the image's own variance: 0 explains everything, 1 nothing.
__device__ static double relative_cost(const unsigned long long *sums, unsigned n, const Round &round) {
  const double unit = 1.0 / (double)(1ull << SUM_BITS);
  double model = (double)(long long)sums[n] * unit;
  double model2 = (double)(long long)sums[DRAWS + n] * unit;
  double model_image = (double)(long long)sums[2 * DRAWS + n] * unit;
  double pixels = (double)round.columns * round.rows;
  double model_variance = model2 - model * model / pixels;
  double image_variance = round.image_sum2 - round.image_sum * round.image_sum / pixels;
  double covariance = model_image - model * round.image_sum / pixels;
  if (!(model_variance > 0.0 && image_variance > 0.0 && covariance > 0.0)) return 1.0;
  return 1.0 - covariance * covariance / (model_variance * image_variance);
}

// Before the first round.
extern "C" __global__ void search_start(const Round *__restrict__ rounds, Search *search) {
  for (unsigned n = threadIdx.x; n < 3 * DRAWS; n += blockDim.x) search->sums[n] = 0;
  if (threadIdx.x == 0) search->blocks_done = 0;
  draw(rounds[0], search);
}

// One round: all draws on all pixels. The block that ends last moves the mean to the best draw and draws for the next round.
//
// A warp walks along a row of a tile; each of its lanes holds two draws, so that a pixel is read once for 64. Along a row
// the searched phase is linear: pixels at +-(j - 1/2) steps from a base (A, B) = 4 (sin, cos) have
//   P+- = (4 duty + A C_j) +- B S_j,  C_j, S_j = cos, sin((j - 1/2) step)
// and (A, B) turns on by eight steps.
extern "C" __global__ void __launch_bounds__(32 * TILE_ROWS, 3)
search_round(const Round *__restrict__ rounds, int number, int is_last, const float *__restrict__ image, int width, Search *search) {
  // Q, 2 + Q^2 and y of each pixel. Outside the region Q = y = 0, so that nothing is added.
  __shared__ __align__(16) float tile_q[TILE_ROWS][TILE_COLUMNS];
  __shared__ __align__(16) float tile_c[TILE_ROWS][TILE_COLUMNS];
  __shared__ __align__(16) float tile_y[TILE_ROWS][TILE_COLUMNS];
  __shared__ float lane_sums[TILE_ROWS][3 * DRAWS];
  __shared__ float standing[6];
  __shared__ double costs[DRAWS];
  __shared__ int is_last_block;
  const Round &round = rounds[number];
  int first_column = blockIdx.x * TILE_COLUMNS, first_row = blockIdx.y * TILE_ROWS;
  unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;

  // The standing grating's phase around the tile's corner, in its own (x, y) = our (y, x).
  if (threadIdx.x == 0) {
    const Quadratic &p = search->mean[round.searches_h ? 1 : 0];
    double y = round.start[0] + round.spacing * first_column, x = round.start[1] + round.spacing * first_row;
    double s = round.spacing;
    standing[0] = wrapped(phase_at(p, x, y));
    standing[1] = (float)(s * (p.xy * x / 1000.0 + 2.0 * p.yy * y / 1000.0 + p.seed + p.y));
    standing[2] = (float)(s * (p.xy * y / 1000.0 + p.x));
    standing[3] = (float)(s * s * p.yy / 1000.0);
    standing[4] = (float)(s * s * p.xy / 1000.0);
  }
  __syncthreads();
  for (int n = threadIdx.x; n < TILE_ROWS * TILE_COLUMNS; n += blockDim.x) {
    int column = n % TILE_COLUMNS, row = n / TILE_COLUMNS;
    float q = 0.0f, y = 0.0f;
    if (first_column + column < round.columns && first_row + row < round.rows) {
      float dy = (float)column, dx = (float)row, sin, cos;
      sin_cos(standing[0] + dy * (standing[1] + dy * standing[3] + dx * standing[4]) + dx * standing[2], sin, cos);
      q = 4.0f * (sin + round.duty);
      int across = (int)(round.start[1] + round.spacing * (first_row + row));
      int along = (int)(round.start[0] + round.spacing * (first_column + column));
      y = round.searches_h ? image[(size_t)across * width + along] : image[(size_t)along * width + across];
    }
    tile_q[row][column] = q;
    tile_c[row][column] = 2.0f + q * q;
    tile_y[row][column] = y;
  }
  __syncthreads();

  const float level = 4.0f * round.duty;
  float a[2], b[2], c[2][4], s[2][4], turn_cos[2], turn_sin[2];
  float sum[2] = {0.0f, 0.0f}, sum2[2] = {0.0f, 0.0f}, sum_y[2] = {0.0f, 0.0f};
#pragma unroll
  for (int d = 0; d < 2; d++) {
    const Quadratic &p = search->draws[lane + 32 * d];
    double x = round.start[0] + round.spacing * first_column, y = round.start[1] + round.spacing * (first_row + (int)warp);
    double step = round.spacing * (p.xy * y / 1000.0 + p.x);
    // Between the last pixel before the row and its first: four steps and a half before the base of the first eight.
    sin_cos(wrapped(phase_at(p, x, y) - 4.5 * step), a[d], b[d]);
    a[d] *= 4.0f;
    b[d] *= 4.0f;
    float half_sin, half_cos;
    sin_cos(wrapped(0.5 * step), half_sin, half_cos);
    float one_sin = 2.0f * half_sin * half_cos, one_cos = 1.0f - 2.0f * half_sin * half_sin;
    c[d][0] = half_cos;
    s[d][0] = half_sin;
#pragma unroll
    for (int j = 1; j < 4; j++) {
      c[d][j] = c[d][j - 1] * one_cos - s[d][j - 1] * one_sin;
      s[d][j] = s[d][j - 1] * one_cos + c[d][j - 1] * one_sin;
    }
    float two_sin = 2.0f * one_sin * one_cos, two_cos = 1.0f - 2.0f * one_sin * one_sin;
    float four_sin = 2.0f * two_sin * two_cos, four_cos = 1.0f - 2.0f * two_sin * two_sin;
    turn_sin[d] = 2.0f * four_sin * four_cos;
    turn_cos[d] = 1.0f - 2.0f * four_sin * four_sin;
  }
  // The first base is eight steps from there.
  for (int group = 0; group < TILE_COLUMNS / 8; group++) {
    float q[8], cc[8], y[8];
    *(float4 *)&q[0] = *(const float4 *)&tile_q[warp][8 * group];
    *(float4 *)&q[4] = *(const float4 *)&tile_q[warp][8 * group + 4];
    *(float4 *)&cc[0] = *(const float4 *)&tile_c[warp][8 * group];
    *(float4 *)&cc[4] = *(const float4 *)&tile_c[warp][8 * group + 4];
    *(float4 *)&y[0] = *(const float4 *)&tile_y[warp][8 * group];
    *(float4 *)&y[4] = *(const float4 *)&tile_y[warp][8 * group + 4];
#pragma unroll
    for (int d = 0; d < 2; d++) {
      float turned = a[d] * turn_cos[d] + b[d] * turn_sin[d];
      b[d] = b[d] * turn_cos[d] - a[d] * turn_sin[d];
      a[d] = turned;
#pragma unroll
      for (int j = 0; j < 4; j++) {
        float middle = a[d] * c[d][j] + level;
#pragma unroll
        for (int side = 0; side < 2; side++) {
          int k = side ? 4 + j : 3 - j;
          float p = side ? b[d] * s[d][j] + middle : middle - b[d] * s[d][j];
          float model = p * rsqrtf(p * p + cc[k]) * q[k];
          sum[d] += model;
          sum2[d] += model * model;
          sum_y[d] += model * y[k];
        }
      }
    }
  }
#pragma unroll
  for (int d = 0; d < 2; d++) {
    lane_sums[warp][lane + 32 * d] = sum[d];
    lane_sums[warp][DRAWS + lane + 32 * d] = sum2[d];
    lane_sums[warp][2 * DRAWS + lane + 32 * d] = sum_y[d];
  }
  __syncthreads();
  if (threadIdx.x < 3 * DRAWS) {
    double total = 0.0;
    for (int row = 0; row < TILE_ROWS; row++) total += lane_sums[row][threadIdx.x];
    // Two's complement: negative sums wrap as they should.
    atomicAdd(&search->sums[threadIdx.x], (unsigned long long)__double2ll_rn(total * (double)(1ull << SUM_BITS)));
  }
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) is_last_block = atomicAdd(&search->blocks_done, 1u) == gridDim.x * gridDim.y - 1;
  __syncthreads();
  if (!is_last_block) return;

  __threadfence();
  if (threadIdx.x < DRAWS) costs[threadIdx.x] = relative_cost(search->sums, threadIdx.x, round);
  __syncthreads();
  if (threadIdx.x == 0) {
    int best = 0;
    for (int n = 1; n < DRAWS; n++) {
      if (costs[n] < costs[best]) best = n;
    }
    search->mean[round.searches_h ? 0 : 1] = search->draws[best];
    search->cost = costs[best];
    search->blocks_done = 0;
  }
  __syncthreads();
  if (threadIdx.x < 3 * DRAWS) search->sums[threadIdx.x] = 0;
  if (!is_last) draw(rounds[number + 1], search);
}

// --- (b) normal equations --------------------------------------------------------------------------------------------

// T_0(x) ... T_n(x)
template <typename Value>
__device__ __forceinline__ void chebyshev(double x, int n, Value &&value) {
  double before = 1.0, now = x;
  value(0, 1.0);
  for (int k = 1; k <= n; k++) {
    value(k, now);
    double next = 2.0 * x * now - before;
    before = now;
    now = next;
  }
}

// Where c_ij of a polynomial stands, ordered by total degree. src/grating/chebyshev.rs
__device__ __forceinline__ int term(int i, int j) {
  return (i + j) * (i + j + 1) / 2 + j;
}

// Coefficients of T_0(x) ... of phase_h, phase_v, gain and offset along the image row v, by all threads of a block.
__device__ static void along_row(const Pass &pass, const double *__restrict__ coefficients, int v, float along[4][MAX_PHASE_DEGREE + 1]) {
  for (unsigned n = threadIdx.x; n < 4 * (MAX_PHASE_DEGREE + 1); n += blockDim.x) {
    int function = n / (MAX_PHASE_DEGREE + 1), i = n % (MAX_PHASE_DEGREE + 1);
    int phase_terms = term(0, pass.phase_degree) + 1, light_terms = term(0, pass.light_degree) + 1;
    int degree = function < 2 ? pass.phase_degree : pass.light_degree;
    int start = function < 2 ? function * phase_terms : 2 * phase_terms + (function - 2) * light_terms;
    if (i > degree) continue;
    double sum = 0.0;
    chebyshev((v - pass.centre[1]) / pass.half[1], degree - i, [&](int j, double t) { sum += coefficients[start + term(i, j)] * t; });
    along[function][i] = (float)sum;
  }
}

// The four functions at x.
__device__ __forceinline__ void evaluate(const Pass &pass, const float along[4][MAX_PHASE_DEGREE + 1], double x, float value[4]) {
  for (int f = 0; f < 4; f++) value[f] = 0.0f;
  chebyshev(x, pass.phase_degree, [&](int k, double t) {
    value[0] += along[0][k] * (float)t;
    value[1] += along[1][k] * (float)t;
    if (k <= pass.light_degree) {
      value[2] += along[2][k] * (float)t;
      value[3] += along[3][k] * (float)t;
    }
  });
}

// One image row a block: what the pixels give, times T_k(x), summed along the row; and T_l(y). `pairs` holds product and k.
extern "C" __global__ void __launch_bounds__(PASS_THREADS)
normal_rows(Pass pass, const float *__restrict__ image, const double *__restrict__ coefficients, const int2 *__restrict__ pairs,
            double *__restrict__ rows, double *__restrict__ along_y) {
  // One column more than threads: lanes that read different rows read different banks.
  __shared__ float products[PRODUCTS][PASS_THREADS + 1];
  __shared__ float orders[MAX_ORDERS][PASS_THREADS + 1];
  __shared__ float along[4][MAX_PHASE_DEGREE + 1];
  int row = blockIdx.x, v = pass.first[1] + row * pass.stride;
  along_row(pass, coefficients, v, along);
  if (threadIdx.x == 0) {
    chebyshev((v - pass.centre[1]) / pass.half[1], pass.orders - 1, [&](int l, double t) { along_y[row * MAX_ORDERS + l] = t; });
  }
  double sums[2] = {0.0, 0.0};
  for (int start = 0; start < pass.count[0]; start += PASS_THREADS) {
    __syncthreads();
    int column = start + threadIdx.x;
    bool inside = column < pass.count[0];
    int u = pass.first[0] + column * pass.stride;
    double x = (u - pass.centre[0]) / pass.half[0];
    chebyshev(x, pass.orders - 1, [&](int k, double t) { orders[k][threadIdx.x] = (float)t; });
    float field[5] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f}, weight = 0.0f, residual = 0.0f, signal = 0.0f, lost = 0.0f;
    if (inside) {
      float value[4], sin_h, cos_h, sin_v, cos_v, line_h, slope_h, line_v, slope_v, model, by_h, by_v;
      evaluate(pass, along, x, value);
      sin_cos(value[0], sin_h, cos_h);
      sin_cos(value[1], sin_v, cos_v);
      narrowed(pass.narrowing, sin_h, cos_h, line_h, slope_h);
      narrowed(pass.narrowing, sin_v, cos_v, line_v, slope_v);
      brightness_and_slopes(line_h, line_v, pass.duty, model, by_h, by_v);
      float gain = value[2], pixel = image[(size_t)v * pass.width + u];
      signal = gain * model;
      // Saturated pixels say nothing.
      bool saturated = pixel >= 0.999f;
      residual = saturated ? 0.0f : pixel - (signal + value[3]);
      float ratio = residual * residual * pass.per_scale2;
      // Cauchy's weight.
      weight = saturated ? 0.0f : 1.0f / (1.0f + ratio);
      lost = log1pf(ratio);
      field[0] = gain * by_h * slope_h;
      field[1] = gain * by_v * slope_v;
      field[2] = model;
      field[3] = 1.0f;
      field[4] = gain * (by_h + by_v);
    }
    int n = 0;
#pragma unroll
    for (int i = 0; i < 5; i++) {
      float weighted = weight * field[i];
#pragma unroll
      for (int j = i; j < 5; j++) products[n++][threadIdx.x] = weighted * field[j];
      products[SQUARES + i][threadIdx.x] = weighted * residual;
    }
    products[SQUARES + 5][threadIdx.x] = weight * residual * residual;
    products[SQUARES + 6][threadIdx.x] = weight * signal;
    products[SQUARES + 7][threadIdx.x] = weight * signal * signal;
    products[SQUARES + 8][threadIdx.x] = lost;
    __syncthreads();
    int filled = min(PASS_THREADS, pass.count[0] - start);
#pragma unroll
    for (int half = 0; half < 2; half++) {
      int pair = threadIdx.x + half * PASS_THREADS;
      if (pair >= pass.pairs) break;
      const float *product = products[pairs[pair].x], *order = orders[pairs[pair].y];
      float sum = 0.0f;
      for (int p = 0; p < filled; p++) sum += product[p] * order[p];
      sums[half] += sum;
    }
  }
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int pair = threadIdx.x + half * PASS_THREADS;
    if (pair < pass.pairs) rows[(size_t)row * pass.pairs + pair] = sums[half];
  }
}

// One pair of a product and k a block: its rows times T_l(y), summed.
extern "C" __global__ void __launch_bounds__(MOMENT_THREADS)
normal_moments(Pass pass, const double *__restrict__ rows, const double *__restrict__ along_y, double *__restrict__ moments) {
  __shared__ double parts[MOMENT_THREADS];
  int pair = blockIdx.x, l = threadIdx.x % 32, part = threadIdx.x / 32;
  double sum = 0.0;
  if (l < pass.orders) {
    for (int row = part; row < pass.count[1]; row += MOMENT_THREADS / 32) {
      sum += rows[(size_t)row * pass.pairs + pair] * along_y[row * MAX_ORDERS + l];
    }
  }
  parts[threadIdx.x] = sum;
  __syncthreads();
  if (part == 0 && l < pass.orders) {
    for (int n = 1; n < MOMENT_THREADS / 32; n++) sum += parts[32 * n + l];
    moments[(size_t)pair * MAX_ORDERS + l] = sum;
  }
}

// --- (c) local measurement -------------------------------------------------------------------------------------------

// Both phases, and the image freed of gain and offset, of all pixels.
extern "C" __global__ void __launch_bounds__(LEVEL_THREADS)
level_maps(Pass pass, const float *__restrict__ image, const double *__restrict__ coefficients, float *__restrict__ maps) {
  __shared__ float along[4][MAX_PHASE_DEGREE + 1];
  int v = blockIdx.y, u = blockIdx.x * LEVEL_THREADS + threadIdx.x;
  along_row(pass, coefficients, v, along);
  __syncthreads();
  if (u >= pass.width) return;
  float value[4];
  evaluate(pass, along, (u - pass.centre[0]) / pass.half[0], value);
  size_t at = (size_t)v * pass.width + u, pixels = (size_t)pass.width * pass.height;
  maps[at] = value[0];
  maps[pixels + at] = value[1];
  maps[2 * pixels + at] = (image[at] - value[3]) / fmaxf(value[2], 1e-6f);
}

// The sums of src/grating/window.rs, one window a block.
extern "C" __global__ void __launch_bounds__(WINDOW_THREADS)
window_sums(Pass pass, const float *__restrict__ maps, const Window *__restrict__ windows, double *__restrict__ totals) {
  __shared__ float parts[WINDOW_SUMS][WINDOW_THREADS + 1];
  const Window window = windows[blockIdx.x];
  int columns = window.columns[1] - window.columns[0], rows = window.rows[1] - window.rows[0];
  size_t pixels = (size_t)pass.width * pass.height;
  float sums[WINDOW_SUMS];
#pragma unroll
  for (int n = 0; n < WINDOW_SUMS; n++) sums[n] = 0.0f;
  for (int n = threadIdx.x; n < columns * rows; n += WINDOW_THREADS) {
    int u = window.columns[0] + n % columns, v = window.rows[0] + n / columns;
    size_t at = (size_t)v * pass.width + u;
    float psi[2] = {maps[at] - window.phases[0], maps[pixels + at] - window.phases[1]}, y = maps[2 * pixels + at];
    float area = window.area * (1.0f + window.area_slope[0] * (u - window.pixel[0]) + window.area_slope[1] * (v - window.pixel[1]));
    float bell[2], along[2];
#pragma unroll
    for (int axis = 0; axis < 2; axis++) {
      // Along line h it is the phase of v that changes.
      along[axis] = psi[1 - axis] * window.per_along[axis];
      float inside = fmaxf(1.0f - along[axis] * along[axis], 0.0f);
      bell[axis] = inside * inside;
    }
    float w = bell[0] * bell[1] * area;
    sums[0] += w;
    sums[1] += w * y;
#pragma unroll
    for (int axis = 0; axis < 2; axis++) {
      float x = psi[axis] * window.per_across[axis], x2 = x * x, inside = fmaxf(1.0f - x2, 0.0f);
      float weight = bell[axis] * area, b2 = along[axis] * along[axis];
      float odd = x * (1.0f - 3.0f * x2) * inside * inside * weight;
      float even = inside * (1.0f - 14.0f * x2 + 21.0f * x2 * x2) * weight;
      float uneven = odd * (1.0f - 12.16f * b2 + 20.22f * b2 * b2);
      float *line = sums + 2 + 9 * axis;
      line[0] += odd;
      line[1] += odd * y;
      line[2] += even;
      line[3] += even * y;
      line[4] += odd * odd;
      line[5] += odd * odd * y;
      line[6] += uneven;
      line[7] += uneven * y;
      line[8] += uneven * uneven;
    }
  }
#pragma unroll
  for (int n = 0; n < WINDOW_SUMS; n++) parts[n][threadIdx.x] = sums[n];
  __syncthreads();
  if (threadIdx.x < WINDOW_SUMS) {
    double total = 0.0;
    for (int n = 0; n < WINDOW_THREADS; n++) total += parts[threadIdx.x][n];
    totals[(size_t)blockIdx.x * WINDOW_SUMS + threadIdx.x] = total;
  }
}
