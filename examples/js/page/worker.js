import { Cachette } from '/node_modules/cachette/dist/platform/browser.js';
import { serve } from '/node_modules/cachette/dist/worker/index.js';

serve(await Cachette.create({ maxmemory: '64mb', objects: true }));
