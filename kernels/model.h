// Brightness of two crossed gratings, Eq. (1)-(3), as src/grating/model.rs has it.
#pragma once

// sin and cos of x; |error| < 2e-6 for |x| < 400.
__device__ __forceinline__ void sin_cos(float x, float &sin, float &cos) {
  // Adding and subtracting 1.5 2^23 rounds to the nearest whole number.
  const float round = 12582912.0f;
  float turns = (x * 0.15915494f + round) - round;
  // 2 pi in two parts, the first exact in few bits.
  float half = 0.5f * ((x - turns * 6.28125f) - turns * 1.9353072e-3f);
  float z = half * half;
  float s = half * (1.0f + z * (-1.6666667e-1f + z * (8.333333e-3f + z * (-1.984127e-4f + z * (2.755732e-6f - z * 2.505211e-8f)))));
  float c = 1.0f + z * (-0.5f + z * (4.1666668e-2f + z * (-1.388889e-3f + z * (2.4801587e-5f + z * (-2.755732e-7f + z * 2.0876757e-9f)))));
  sin = 2.0f * s * c;
  cos = 1.0f - 2.0f * s * s;
}

// Phase, taken modulo 2 pi, for which f32 is enough.
__device__ __forceinline__ float wrapped(double phase) {
  const double turn = 6.283185307179586;
  return (float)(phase - turn * rint(phase * (1.0 / turn)));
}

// A sine narrowed by m doublings, and its derivative by the phase.
__device__ __forceinline__ void narrowed(int m, float sin, float cos, float &value, float &slope) {
  float dip = 0.5f * (1.0f - sin);
  float by_sin = 1.0f;
  for (int n = 0; n < m; n++) {
    by_sin *= 2.0f * dip;
    dip *= dip;
  }
  value = 1.0f - 2.0f * dip;
  slope = by_sin * cos;
}

// Eq. (3) with its derivatives by p_h and p_v.
__device__ __forceinline__ void brightness_and_slopes(float sin_h, float sin_v, float duty, float &model, float &by_h, float &by_v) {
  float p = 4.0f * (sin_h + duty), q = 4.0f * (sin_v + duty);
  float p2 = p * p, q2 = q * q;
  float per_s = rsqrtf(2.0f + p2 + q2);
  float per_s3 = per_s * per_s * per_s;
  model = p * q * per_s;
  by_h = 4.0f * q * (2.0f + q2) * per_s3;
  by_v = 4.0f * p * (2.0f + p2) * per_s3;
}

// Eq. (1), (2) at (x, y), rad.
__device__ __forceinline__ double phase_at(const struct Quadratic &p, double x, double y) {
  return ((p.xy * x + p.yy * y) * 1e-3 + p.seed) * y + p.x * x + p.y * y + p.constant;
}
