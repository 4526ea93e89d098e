// Random numbers by counter: the same on every device, in any order. Twin of src/grating/published/draws.rs.
#pragma once

// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
__device__ __forceinline__ void philox(unsigned counter[4], unsigned long long seed) {
  unsigned key0 = (unsigned)seed, key1 = (unsigned)(seed >> 32);
  for (int round = 0; round < 10; round++) {
    unsigned long long a = 0xD2511F53ull * counter[0], b = 0xCD9E8D57ull * counter[2];
    unsigned c1 = counter[1], c3 = counter[3];
    counter[0] = (unsigned)(b >> 32) ^ c1 ^ key0;
    counter[1] = (unsigned)b;
    counter[2] = (unsigned)(a >> 32) ^ c3 ^ key1;
    counter[3] = (unsigned)a;
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
}

// The sum of eight uniform numbers, of mean 0 and variance 1: normal to within its tails, which end at 4.9, and exact in
// whole numbers, so that all devices agree to the last bit.
__device__ __forceinline__ double normal(unsigned long long seed, unsigned image, unsigned round, unsigned draw, unsigned parameter) {
  unsigned words[4] = {parameter, draw, round, image};
  philox(words, seed);
  int sum = 0;
  for (int n = 0; n < 4; n++) sum += (int)(words[n] & 0xFFFFu) + (int)(words[n] >> 16);
  // Each uniform number is a whole one from 0 to 65535: mean 32767.5, variance (65536^2 - 1) / 12.
  return (sum - 262140) * 1.8688123650118534e-5;
}
