import type { BaseConfig, Config, ConfigPart } from '@holdfast/config';
import type { Catalogue, Handler, Handlers as HandlersOf, OnGivenUp, ThreadHandler } from '@holdfast/queue';
import type { EngineStatus, Keys, RedisEngine } from '@holdfast/redis-core';
import type { DiskFolder } from '@holdfast/redis-core/disk';
import type { Instruments, Logger } from '@holdfast/telemetry';
import type { FastifyInstance } from 'fastify';

/**
 * One part of Holdfast, such as the cache: all that `config`, `runtime`, the API and the worker have to know of it. A new
 * one is a folder beside the others and a line in `modules.ts`.
 *
 * `Settings` is what it reads of the configuration, `Needs` the modules whose parts it uses, and `Part` what it is once it
 * runs. Routes and handlers are imported late: a worker carries no routes, and an API beside a Redis no handlers.
 */
export interface Module<Name extends string, Settings, Needs extends NeededModules, Part> {
  /** Also the name of its settings in the configuration, and of its part in the runtime. */
  readonly name: Name;
  /** Modules that stand before it in the list: they are there when `create` is called, and closed after it. */
  readonly needs: Needs;
  /** Its variables, its sections of holdfast.yaml, and how its settings are made of them. Here it also tells of queues of its own. */
  readonly config: ConfigPart<Name, Settings>;
  /**
   * Makes its part. It does not wait for Redis: connections are made in the background. What it has opened it closes itself
   * when it fails; then those before it are closed, and the start ends with its error.
   */
  create(context: CreateContext<Settings, Needs>): Part | Promise<Part>;
  /** For the API. */
  readonly routes: () => Promise<ModuleRoutes<Running<Settings, Needs, Part>>>;
  /** For the worker. */
  readonly handlers?: () => Promise<ModuleHandlers<Running<Settings, Needs, Part>>>;
  /**
   * Declares its metrics, and counts what its libraries publish from now on. Called once, before its part is made: what happens
   * while it is made counts too, such as a connection that Redis refuses.
   */
  metrics(instruments: Instruments): ModuleMetrics<Part>;
  /**
   * What it is connected to besides the engines, by the name that reports give it. No process is ready, where there is no
   * fallback, before all of them are there. Asked by probes: it waits for nothing.
   */
  connections?(part: Part): Readonly<Record<string, Connection>>;
  /** How much it keeps on disk until a Redis that is away is back. Asked often: it waits for nothing. */
  kept?(part: Part): number;
  /** What `/health` of the API says of it, from what is known: it is asked by probes, and waits for nothing. */
  health(part: Part): HealthReading;
  /** Ends it, after those that need it. */
  close(part: Part): Promise<void> | void;
}

/** Any module, where it does not matter which. */
export type AnyModule = Module<string, unknown, NeededModules, unknown>;

export interface NeededModules {
  readonly [name: string]: AnyModule;
}

/** For a module that needs no other. */
export type NoNeeds = Readonly<Record<string, never>>;

/** The part that a module makes. */
export type PartOf<Of> = Of extends Module<string, infer _Settings, infer _Needs, infer Part> ? Part : never;

/** The parts of a list of modules, by their names. */
export type Parts<Modules extends readonly AnyModule[]> = {
  readonly [Of in Modules[number] as Of['name']]: PartOf<Of>;
};

/** The configuration of a list of modules: the settings of each stand under its name. */
export type ConfigOf<Modules extends readonly AnyModule[]> = Config<readonly Modules[number]['config'][]>;

/** What `loadConfig` is given for these modules. */
export function configParts<Some extends AnyModule>(modules: readonly Some[]): readonly Some['config'][] {
  return modules.map((module): Some['config'] => module.config);
}

/** What is there before the first module. */
export interface Ground {
  readonly config: BaseConfig;
  readonly keys: Keys;
  readonly engines: { readonly cache: RedisEngine; readonly durable: RedisEngine };
}

export interface CreateContext<Settings, Needs extends NeededModules> extends Ground {
  readonly settings: Settings;
  /** The parts of the modules that it needs. */
  readonly needs: { readonly [Name in keyof Needs]: PartOf<Needs[Name]> };
  /** Whether there is a fallback while Redis is away, where the configuration allows it: in a process that answers callers. */
  readonly usesFallback: boolean;
  /**
   * Where it keeps on disk what has to outlive an outage; there where there is such a fallback. Closed after the engines: what
   * fails with them may still have to be noted there.
   */
  readonly disk: DiskFolder | undefined;
}

/** What a module measures beside what it counts. */
export interface ModuleMetrics<Part> {
  /** Has each scrape read its part. Called once, as soon as that is there. */
  read?(part: Part): void;
}

/** A module whose part is there. */
export interface Running<Settings, Needs extends NeededModules, Part> extends Ground {
  readonly settings: Settings;
  readonly needs: { readonly [Name in keyof Needs]: PartOf<Needs[Name]> };
  readonly part: Part;
}

/** A module and what it runs with: of any module, so that whoever goes through a list needs no more than this. */
export interface StartedModule {
  readonly module: AnyModule;
  readonly running: Running<unknown, NeededModules, unknown>;
}

/** What a module's `routes/index.ts` exports. */
export interface ModuleRoutes<Context> {
  /** Registers its routes, each of which says in `config.access` who may call it. */
  routes(this: void, app: FastifyInstance, context: Context): Promise<void>;
}

/** What a module's `handlers/index.ts` exports. */
export interface ModuleHandlers<Context> {
  createHandlers(context: Context & { readonly logger: Logger }): Handlers | Promise<Handlers>;
}

/** What a module does in a worker. `Known` are the queues whose handlers the compiler checks: for all kinds of their jobs. */
export interface Handlers<Known extends Catalogue = readonly []> {
  /** Which queues it works on. */
  readonly byQueue: HandlersOf<Known> & Readonly<Record<string, Handler | ThreadHandler>>;
  /** Told of each job of any queue that is given up. */
  readonly onGivenUp?: OnGivenUp;
  /** Begins what goes on beside the jobs, such as installing schedules. Does not wait. */
  start?(worker: { readonly consumes: (queue: string) => boolean }): void;
  /** Ends that, while the last jobs run. */
  stop?(): Promise<void>;
  /** Once no job runs any more. */
  close?(): Promise<void>;
}

/** What a process is connected to, such as an engine. */
export interface Connection {
  readonly status: Pick<EngineStatus, 'available' | 'reason' | 'fault' | 'neverConnected' | 'refuses'>;
  /** Asks whether it does its work now. Rejects with why not, after so many milliseconds at the latest. */
  prove?(deadlineMs: number): Promise<void>;
}

/** What a module says of itself in `/health`. */
export interface HealthReading {
  /** `false` makes the service `degraded`, or `down` where there is no fallback. */
  readonly isHealthy: boolean;
  /** `true` makes it `degraded` at most, also where there is no fallback. Default `false`. */
  readonly isDegraded?: boolean;
  /** Its fields of the report, beside those of the others. */
  readonly fields: Readonly<Record<string, unknown>>;
}
