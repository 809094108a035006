// Analytics in little room: visitors counted by HyperLogLogs (12 KB at most, however many), days of activity as bits.
import { Cachette } from 'cachette';

const cache = await Cachette.create();

for (let visitor = 0; visitor < 10_000; visitor++) {
  cache.pfadd('visitors:monday', `v${visitor}`);
  cache.pfadd('visitors:tuesday', `v${visitor + 5_000}`);
}
const near = (count, exact) => `${exact} within ${Math.abs(count - exact) <= exact * 0.03 ? '3 %' : `${count}`}`;
console.log('monday:', near(cache.pfcount('visitors:monday'), 10_000));
console.log('both days:', near(cache.pfcount('visitors:monday', 'visitors:tuesday'), 15_000));
console.log('bytes:', cache.strlen('visitors:monday') < 16_384 ? 'less than 16 KB' : 'more');

// Bit N of a day's bitmap: user N was there.
for (const user of [1, 5, 900]) cache.setbit('active:monday', user, 1);
for (const user of [5, 900, 901]) cache.setbit('active:tuesday', user, 1);
cache.bitop('AND', 'active:both', 'active:monday', 'active:tuesday');
console.log('active on monday:', cache.bitcount('active:monday'), '- on both days:', cache.bitcount('active:both'));
console.log('user 5 on both:', cache.getbit('active:both', 5) === 1);
