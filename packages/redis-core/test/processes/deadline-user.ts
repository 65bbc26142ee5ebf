import { DeadlineWheel, Timed } from '../../src/deadline-wheel.ts';

/** Has a deadline in a minute, and nothing else to do. */
class Silent extends Timed {
  override expire(): void {
    process.stdout.write('expired\n');
  }
}
const wheel = new DeadlineWheel();
wheel.add(new Silent(), performance.now() + 60_000);
process.stdout.write(`waits: ${wheel.size}\n`);
