"""Every usual estimator of scikit-learn over an array of numbers, and those that cannot predict."""

import numpy as np
from cases import ASKED, NUMBER, PAIR, THREE, YES, X, request, write
from sklearn import (
    calibration,
    cluster,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    dummy,
    ensemble,
    feature_selection,
    gaussian_process,
    isotonic,
    kernel_ridge,
    linear_model,
    mixture,
    model_selection,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.compose import TransformedTargetRegressor
from sklearn.impute import KNNImputer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler
from sklearn_cases import LR, OPTIONS, of_numbers, save


def regressors() -> None:
    """Write models that predict numbers."""
    forest = ensemble.RandomForestRegressor(4, **OPTIONS)
    for name, model in {
        "linear": linear_model.LinearRegression(),
        "ridge": linear_model.RidgeCV(),
        "lasso": make_pipeline(StandardScaler(), linear_model.LassoCV(cv=2)),
        "huber": linear_model.HuberRegressor(),
        "target bent": TransformedTargetRegressor(
            linear_model.Ridge(), func=np.arcsinh, inverse_func=np.sinh
        ),
        "random forest": forest,
        "extra trees": ensemble.ExtraTreesRegressor(4, **OPTIONS),
        "histogram boosting regressor": ensemble.HistGradientBoostingRegressor(max_iter=4, **OPTIONS),
        "decision tree": tree.DecisionTreeRegressor(max_depth=3, **OPTIONS),
        "support vectors": make_pipeline(StandardScaler(), svm.SVR()),
        "neighbors": neighbors.KNeighborsRegressor(3),
        "neural network": neural_network.MLPRegressor(hidden_layer_sizes=(4,), max_iter=20, **OPTIONS),
        "gaussian process": gaussian_process.GaussianProcessRegressor(**OPTIONS),
        "kernel ridge": kernel_ridge.KernelRidge(kernel="rbf"),
        "partial least squares": cross_decomposition.PLSRegression(2),
        "polynomial": make_pipeline(preprocessing.PolynomialFeatures(2), linear_model.Ridge()),
        "splines": make_pipeline(preprocessing.SplineTransformer(), linear_model.Ridge()),
        "components": make_pipeline(decomposition.PCA(2), linear_model.Ridge()),
        "stacking": ensemble.StackingRegressor([("a", linear_model.Ridge()), ("b", forest)], cv=2),
        "voting": ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", forest)]),
        "bagging": ensemble.BaggingRegressor(n_estimators=3, n_jobs=2, **OPTIONS),
        "ada boost": ensemble.AdaBoostRegressor(n_estimators=3, **OPTIONS),
        "quantile": ensemble.GradientBoostingRegressor(loss="quantile", n_estimators=3, **OPTIONS),
        "target scaled": TransformedTargetRegressor(linear_model.Ridge(), transformer=StandardScaler()),
        "grid search": model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [1, 2]}, cv=2),
        "imputed by neighbors": make_pipeline(KNNImputer(), linear_model.Ridge()),
        "union": make_pipeline(make_union(StandardScaler(), decomposition.PCA(2)), linear_model.Ridge()),
    }.items():
        of_numbers(name, model)
    of_numbers("several numbers, forest", ensemble.RandomForestRegressor(4, **OPTIONS), PAIR)
    of_numbers("several numbers, wrapped", multioutput.MultiOutputRegressor(linear_model.Ridge()), PAIR)
    of_numbers("several numbers, chain", multioutput.RegressorChain(linear_model.Ridge()), PAIR)


def classifiers() -> None:
    """Write models that predict labels."""
    forest = ensemble.RandomForestClassifier(4, **OPTIONS)
    for name, model in {
        "decision tree classifier": tree.DecisionTreeClassifier(max_depth=3, **OPTIONS),
        "extra trees classifier": ensemble.ExtraTreesClassifier(4, **OPTIONS),
        "gradient boosting classifier": ensemble.GradientBoostingClassifier(n_estimators=4, **OPTIONS),
        "ada boost classifier": ensemble.AdaBoostClassifier(n_estimators=4, **OPTIONS),
        "svc": svm.SVC(),
        "linear svc": make_pipeline(StandardScaler(), svm.LinearSVC()),
        "stochastic gradient": linear_model.SGDClassifier(**OPTIONS),
        "ridge classifier": linear_model.RidgeClassifier(),
        "naive bayes": naive_bayes.GaussianNB(),
        "neighbors classifier": neighbors.KNeighborsClassifier(3),
        "discriminant": discriminant_analysis.LinearDiscriminantAnalysis(),
        "neural network classifier": neural_network.MLPClassifier(
            hidden_layer_sizes=(4,), max_iter=20, **OPTIONS
        ),
        "calibrated": calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2),
        "selected features": make_pipeline(feature_selection.SelectKBest(k=2), LR()),
        "one against rest": multiclass.OneVsRestClassifier(LR()),
        "voting classifier": ensemble.VotingClassifier([("a", LR()), ("b", forest)], voting="soft"),
        "stacking classifier": ensemble.StackingClassifier([("a", LR()), ("b", forest)], cv=2),
        "dummy": dummy.DummyClassifier(),
        "random search": model_selection.RandomizedSearchCV(LR(), {"C": [1, 2]}, n_iter=2, cv=2),
    }.items():
        of_numbers(name, model, YES)
        of_numbers(name + ", three classes", model, THREE)
    labels = np.c_[YES, np.where(X[:, 0] > 0, "a", "b")]
    of_numbers("several labels", ensemble.RandomForestClassifier(4, **OPTIONS), labels)
    of_numbers("several labels, wrapped", multioutput.MultiOutputClassifier(LR()), labels)
    of_numbers("boolean labels", LR(), NUMBER > 0)


def without_target() -> None:
    """Write models that need no target: clusters and outliers."""
    for name, model in {
        "k-means": cluster.KMeans(3, n_init=2, **OPTIONS),
        "k-means, scaled": make_pipeline(StandardScaler(), cluster.MiniBatchKMeans(3, n_init=2, **OPTIONS)),
        "mixture": mixture.GaussianMixture(2, **OPTIONS),
        "isolation forest": ensemble.IsolationForest(n_estimators=4, **OPTIONS),
        "one-class svm": svm.OneClassSVM(),
        "outlier factor": neighbors.LocalOutlierFactor(novelty=True),
        "ellipse": covariance.EllipticEnvelope(**OPTIONS),
    }.items():
        of_numbers(name, model)
    for name, model in {
        "no predict, DBSCAN": cluster.DBSCAN(),
        "no predict, clusters": cluster.AgglomerativeClustering(2),
        "no predict, scaler": StandardScaler(),
        "no predict, components": make_pipeline(StandardScaler(), decomposition.PCA(2)),
    }.items():
        fitted = model.fit(X)
        asked = [request(X[:ASKED], [])]
        write(name, lambda path, fitted=fitted: save(fitted, path), asked, expected="refused")
    isotonic_model = isotonic.IsotonicRegression(out_of_bounds="clip").fit(X[:, 0], NUMBER)
    rows = X[:ASKED, :1]
    asked = [request(rows, isotonic_model.predict(rows))]
    write("isotonic", lambda path: save(isotonic_model, path), asked)
