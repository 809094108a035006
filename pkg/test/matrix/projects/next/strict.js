// Imported first: nothing is compiled from bytes hereafter, as on Vercel. The local edge runtime would.
WebAssembly.Module = function () {
  throw new Error('WebAssembly was compiled from bytes');
};
