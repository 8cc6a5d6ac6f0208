//! The control socket from both ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use outflow_core::ActorKind;

use super::*;

fn ada() -> Actor {
    Actor { request_id: Some("r-1".into()), ..Actor::new(ActorKind::Person, "ada") }
}

#[tokio::test]
async fn a_question_gets_its_answer_and_nonsense_an_error() {
    for depth in [0, 20] {
        let dir = tempfile::tempdir().unwrap();
        let mut path = dir.path().to_owned();
        (0..depth).for_each(|_| path.push("a-long-name"));
        std::fs::create_dir_all(&path).unwrap();
        assert!(ask(&path, &Request::Status, &ada()).await.unwrap().is_none());
        let socket = Socket::listen(&path).unwrap();
        let no = || Error::new(Code::NoSuchSyncOrRun, "no").help("yes").next_step(NextStep::ListRuns);
        let answer = move |request, _| async move {
            match request {
                Request::Run { .. } => Ok(Answer::Started(RunId(7))),
                Request::Purge { id } => panic!("planted: {id}"),
                _ => Err(no()),
            }
        };
        let serving = tokio::spawn(async move { socket.serve(answer).await });
        let error = ask(&path, &Request::Purge { id: "4711".into() }, &ada()).await.unwrap_err();
        assert_eq!(error.code(), Code::TaskFailed, "and the socket goes on");
        assert!(!format!("{error:?}").contains("4711"), "{error:?}");
        let run = Request::Run { sync: "users".into(), options: RunOptions::default() };
        let answer = ask(&path, &run, &ada()).await.unwrap();
        assert!(matches!(answer, Some(Answer::Started(RunId(7)))), "{answer:?}");
        let error = ask(&path, &Request::Reload, &ada()).await.unwrap_err();
        assert_eq!(
            (error.code(), error.message(), error.help_text()),
            (Code::NoSuchSyncOrRun, "no", Some("yes"))
        );
        assert_eq!(error.next_steps(), [NextStep::ListRuns]);
        let place = Place::find(&path, CONTROL).unwrap();
        assert!(place.path.starts_with(path.canonicalize().unwrap()), "{}", place.path.display());
        let mut stream = UnixStream::connect(place.address()).await.unwrap();
        stream.write_all(b"{\"ask\":\"dance\"}\n").await.unwrap();
        let mut told = String::new();
        stream.read_to_string(&mut told).await.unwrap();
        assert!(told.contains("C012"), "{told}");
        serving.abort();
        let _ = serving.await;
        assert!(!place.path.exists(), "the socket goes with the process");
    }
}

/// A panic of the loop itself: it is planted where each connection gets its own answerer.
#[tokio::test]
async fn a_socket_whose_loop_panicked_answers_again_once_it_is_run_again() {
    struct Answerer(Arc<AtomicBool>);
    impl Clone for Answerer {
        fn clone(&self) -> Self {
            assert!(!self.0.swap(false, Ordering::SeqCst), "planted");
            Self(self.0.clone())
        }
    }
    let (dir, is_due) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(true)));
    let socket = Arc::new(Socket::listen(dir.path()).unwrap());
    let run = || {
        let (socket, answerer) = (socket.clone(), Answerer(is_due.clone()));
        let answer = move |_: Request, _: Actor| {
            let _is_moved = &answerer;
            async { Ok(Answer::Started(RunId(7))) }
        };
        tokio::spawn(async move { socket.serve(answer).await })
    };
    let first = run();
    assert!(ask(dir.path(), &Request::Status, &ada()).await.is_err());
    assert!(first.await.unwrap_err().is_panic());
    let second = run();
    let answer = ask(dir.path(), &Request::Status, &ada()).await.unwrap();
    assert!(matches!(answer, Some(Answer::Started(RunId(7)))), "{answer:?}");
    second.abort();
}

#[tokio::test]
async fn who_asks_is_who_the_request_says_or_the_user_at_the_other_end() {
    let dir = tempfile::tempdir().unwrap();
    let socket = Socket::listen(dir.path()).unwrap();
    let answer =
        |_, actor: Actor| async move { Err(Error::new(Code::NoSuchSyncOrRun, format!("{actor:?}"))) };
    let serving = tokio::spawn(async move { socket.serve(answer).await });
    let run = Request::Run { sync: "users".into(), options: RunOptions::default() };
    let error = ask(dir.path(), &run, &ada()).await.unwrap_err();
    assert_eq!(error.message(), format!("{:?}", ada()));
    let place = Place::find(dir.path(), CONTROL).unwrap();
    let mut stream = UnixStream::connect(place.address()).await.unwrap();
    stream.write_all(b"{\"ask\":\"status\"}\n").await.unwrap();
    let mut told = String::new();
    stream.read_to_string(&mut told).await.unwrap();
    let reply: Reply = serde_json::from_str(&told).unwrap();
    let error = Result::from(reply).unwrap_err();
    assert_eq!(error.message(), format!("{:?}", user::local()));
    serving.abort();
}
