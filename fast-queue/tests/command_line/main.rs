//! The program as its users meet it: processes, signals, files, exit codes.

#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod interrupted_run;
#[cfg(test)]
mod lasting;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod program;
#[cfg(test)]
mod service;
#[cfg(test)]
mod shown;
