//! A web service that takes jobs, answers with their results, and shuts down gracefully.
//!
//! ```text
//! cargo run -p fast-queue --features tokio --example async_service
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::future::IntoFuture;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use fast_queue::{
    AsyncQueue, FastQueue, Handlers, NewTask, Queue, State, TaskId, Worker, WorkerOptions,
};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Jobs = AsyncQueue<FastQueue>;

/// Error of the queue, as an answer.
struct Refusal(fast_queue::Error);

impl From<fast_queue::Error> for Refusal {
    fn from(error: fast_queue::Error) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let missing = matches!(self.0, fast_queue::Error::NotFound { .. });
        let code = if missing {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        };
        (code, self.0.to_string()).into_response()
    }
}

/// Takes a job. It is durable before the answer is sent.
async fn add(Shared(jobs): Shared<Jobs>, Json(text): Json<String>) -> Result<Response, Refusal> {
    let job = NewTask::handler_json("shout", &text)?;
    let added = jobs.enqueue(vec![job]).await?;
    Ok((StatusCode::ACCEPTED, Json(added[0].id.0)).into_response())
}

/// Answers with the result of a job, or after a second that it goes on.
async fn result(Shared(jobs): Shared<Jobs>, Path(id): Path<i64>) -> Result<Response, Refusal> {
    let id = TaskId(id);
    let tasks = jobs.wait(&[id], Some(Duration::from_secs(1))).await?;
    Ok(match tasks[0].state {
        State::Succeeded => {
            let output = jobs.call(move |queue| queue.output(id)).await?;
            let text: String = output.unwrap_or_default().json()?;
            Json(text).into_response()
        }
        State::Failed | State::Cancelled | State::Skipped => {
            StatusCode::UNPROCESSABLE_ENTITY.into_response()
        }
        State::Scheduled | State::Blocked | State::Queued | State::Running | _ => {
            StatusCode::ACCEPTED.into_response()
        }
    })
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().build()?.block_on(serve())
}

async fn serve() -> Result<(), Box<dyn Error>> {
    // A program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = Arc::new(FastQueue::open(folder.path().join("jobs.db"))?);

    // A handler on the runtime takes no thread, so thousands of slots cost little.
    let shout = |_, text: String| async move {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(text.to_uppercase())
    };
    let handlers = Handlers::new().register_json_async("shout", &Handle::current(), shout);
    let slots = NonZeroU32::new(10_000).ok_or("that is not zero")?;
    let worker = Worker::new(
        Arc::clone(&queue),
        WorkerOptions::new(slots).handlers(handlers),
    )?;
    let stopper = worker.stopper();
    let working = tokio::spawn(worker.run_async(()));

    let router = Router::new()
        .route("/jobs", post(add))
        .route("/jobs/{id}", get(result))
        .with_state(AsyncQueue::new(queue));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    // A service waits for a signal here.
    let (shut_down, asked) = oneshot::channel::<()>();
    let server = axum::serve(listener, router).with_graceful_shutdown(async {
        let _ = asked.await;
    });
    let serving = tokio::spawn(server.into_future());

    let id = tokio::task::spawn_blocking(move || ask(address, "POST /jobs", "\"hello\"")).await??;
    println!("the job is task {id}");
    let path = format!("GET /jobs/{id}");
    let answer = tokio::task::spawn_blocking(move || ask(address, &path, "")).await??;
    println!("its result is {answer}");
    assert_eq!(answer, "\"HELLO\"");
    let missing = tokio::task::spawn_blocking(move || ask(address, "GET /jobs/77", "")).await??;
    assert_eq!(missing, "there is no task 77");

    // First no more requests, then no more tasks. The runtime outlives both.
    let _ = shut_down.send(());
    serving.await??;
    stopper.stop();
    let summary = working.await??;
    assert_eq!((summary.succeeded, summary.left_running), (1, 0));
    Ok(())
}

/// Sends one request and returns the body of the answer.
fn ask(address: SocketAddr, what: &str, body: &str) -> std::io::Result<String> {
    let mut stream = std::net::TcpStream::connect(address)?;
    write!(
        stream,
        "{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Ok(body.to_owned())
}
