// SPDX-License-Identifier: Apache-2.0

/** One thing that is wrong with the configuration. */
export type ConfigProblem = {
  /** What is wrong and what is allowed, in one sentence; never contains a secret value. */
  readonly message: string;
  readonly section?: string;
  readonly option?: string;
  /** Where it stands: `FILE:LINE`, `environment variable NAME`, or `command line`. */
  readonly where?: string;
};

/**
 * The configuration cannot be used. Carries every problem found, not only the first, so that one edit mends the file.
 * `message` is one line per problem and is meant to be shown to the operator as it is.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(describe).join('\n'));
    this.problems = problems;
  }
}

function describe(problem: ConfigProblem): string {
  const place = problem.where === undefined ? '' : `${problem.where}: `;
  const subject = problem.section === undefined ? '' : `[${problem.section}] ${problem.option ?? ''}`.trimEnd();
  return subject === '' ? `${place}${problem.message}` : `${place}${subject}: ${problem.message}`;
}
