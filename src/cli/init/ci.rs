//! Workflows that gate pull requests.

use super::files::NewFile;

/// Who runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Service {
    Github,
    Gitlab,
}

/// The workflow for a target.
pub(super) fn workflow(service: Service, target: &str) -> NewFile {
    match service {
        Service::Github => NewFile::new(".github/workflows/flameload.yml", github(target)),
        Service::Gitlab => NewFile::new(".gitlab/flameload.yml", gitlab(target)),
    }
}

fn github(target: &str) -> String {
    format!(
        "# Fails a pull request that makes the server slower than where its branch began.\n\
         name: flameload\n\
         on: pull_request\n\
         permissions:\n  contents: read\n\
         jobs:\n  regress:\n    runs-on: ubuntu-latest\n    timeout-minutes: 30\n    steps:\n      \
         - uses: actions/checkout@v4\n        with:\n          fetch-depth: 0   # both sides are built here\n      \
         - uses: actions/cache@v4\n        with:\n          path: |\n            ~/.cargo/registry\n            \
         ~/.cargo/bin\n            ~/.cache/flameload\n          \
         key: flameload-${{{{ runner.os }}}}-${{{{ hashFiles('**/Cargo.lock') }}}}\n          \
         restore-keys: flameload-${{{{ runner.os }}}}-\n      \
         - run: command -v flameload || cargo install flameload --locked\n      \
         # Without this there are verdicts, but no functions.\n      \
         - run: sudo sysctl kernel.perf_event_paranoid=1 kernel.kptr_restrict=0\n      \
         # What cannot be told passes.\n      \
         - run: >-\n          flameload regress {target} --base origin/${{{{ github.base_ref }}}}\n          \
         --inconclusive pass --markdown >> \"$GITHUB_STEP_SUMMARY\"\n      \
         - uses: actions/upload-artifact@v4\n        if: always()\n        with:\n          name: flameload\n          \
         path: .flameload/runs\n          include-hidden-files: true\n          if-no-files-found: ignore\n"
    )
}

fn gitlab(target: &str) -> String {
    format!(
        "# Fails a merge request that makes the server slower than where its branch began.\n\
         # In .gitlab-ci.yml: include: .gitlab/flameload.yml\n\
         flameload:\n  image: rust:1\n  \
         rules:\n    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"\n  \
         variables:\n    GIT_DEPTH: 0   # both sides are built here\n    \
         XDG_CACHE_HOME: $CI_PROJECT_DIR/.cache\n  \
         cache:\n    key:\n      files: [Cargo.lock]\n    paths: [.cache/]\n  \
         script:\n    - cargo install flameload --locked --root .cache/cargo\n    \
         - git fetch origin $CI_MERGE_REQUEST_TARGET_BRANCH_NAME\n    \
         - .cache/cargo/bin/flameload regress {target} --base FETCH_HEAD --markdown | tee flameload.md\n  \
         # 4: it cannot be told.\n  \
         allow_failure:\n    exit_codes: 4\n  \
         artifacts:\n    when: always\n    paths: [flameload.md, .flameload/runs]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflows_name_the_target_and_have_even_indents() {
        for text in [github("shop"), gitlab("shop")] {
            assert!(text.contains("regress shop --base"), "{text}");
            for line in text.lines() {
                assert_eq!((line.len() - line.trim_start().len()) % 2, 0, "{line}");
                assert!(!line.contains('\t'));
            }
        }
    }
}
